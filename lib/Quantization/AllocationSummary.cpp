//===- AllocationSummary.cpp - where the bits went, for people ------------===//

#include "picollm/Quantization/AllocationFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <map>

using namespace picollm;

/// The name with each run of digits as one '*': matrices of all layers that do
/// the same.
static std::string kindOf(llvm::StringRef name) {
  std::string kind;
  for (char c : name) {
    if (!llvm::isDigit(c))
      kind += c;
    else if (kind.empty() || kind.back() != '*')
      kind += '*';
  }
  return kind;
}

namespace {

struct KindTotal {
  int64_t matrices = 0, weights = 0, bytes = 0;
  double loss = 0;
};

} // namespace

void picollm::printSummary(const AllocationReport &report,
                           llvm::raw_ostream &out) {
  std::map<std::string, KindTotal> kinds;
  std::map<int64_t, int64_t> weightsOfWidth;
  int64_t weights = 0, bytes = 0;
  for (const MatrixAllocation &matrix : report.matrices) {
    const MatrixLayout &layout = matrix.stack.layout;
    KindTotal &kind = kinds[kindOf(matrix.name)];
    ++kind.matrices;
    kind.weights += layout.rows() * layout.columns;
    kind.bytes += matrixBytes(layout);
    kind.loss += matrix.loss;
    weights += layout.rows() * layout.columns;
    bytes += matrixBytes(layout);
    for (const Panel &panel : layout.panels)
      for (const Segment &segment : panel.segments)
        weightsOfWidth[segment.bits] += panel.rows * segment.columns;
  }
  if (!report.scheme.empty()) {
    out << "scheme: ";
    llvm::printEscapedString(report.scheme, out);
    out << '\n';
  }
  out << llvm::format("weight file: %.2f MB, %lld weights, %.3f bits per "
                      "weight\n",
                      double(report.fileBytes) * 1e-6,
                      static_cast<long long>(report.weights),
                      report.bitsPerWeight());
  if (report.optimality)
    out << llvm::format("expected loss: %.6g, within %.4f %% of the least that "
                        "any allocation of this size has\n",
                        report.optimality->loss,
                        100.0 * report.optimality->gap());
  out << "  matrices       MB   bits  share of loss  kind\n";
  double loss = 0;
  for (const auto &entry : kinds)
    loss += entry.second.loss;
  for (const auto &[name, kind] : kinds)
    out << llvm::format(
        "  %8lld %8.2f %6.2f %12.1f %%  %s\n",
        static_cast<long long>(kind.matrices), double(kind.bytes) * 1e-6,
        8.0 * double(kind.bytes) / double(kind.weights),
        loss > 0 ? 100.0 * kind.loss / loss : 0.0, name.c_str());
  out << llvm::format("  %8s %8.2f                        everything else\n",
                      "", double(report.fileBytes - bytes) * 1e-6);
  out << "  weights by width:";
  for (const auto &[bits, count] : weightsOfWidth)
    out << llvm::format("  %lld bit %.1f %%", static_cast<long long>(bits),
                        100.0 * double(count) / double(weights));
  out << '\n';
}
