//===- CheckWeights.cpp - every weight is a finite number -----------------===//

#include "PicoLLM/Model/Model.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Import/Importer.h"
#include "picollm/Support/Parallel.h"
#include <cmath>

namespace picollm {
#define GEN_PASS_DEF_CHECKWEIGHTS
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

struct CheckWeights : picollm::impl::CheckWeightsBase<CheckWeights> {
  void runOnOperation() override {
    if (llvm::Error error = check(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error check(ModuleOp module);
};

/// Values of a range of rows that are no finite numbers.
struct NonFinite {
  int64_t count = 0;
  int64_t row = 0, column = 0; ///< of the first, from 0
};

} // namespace

/// Rows are decoded in pieces of about this many values.
static constexpr int64_t pieceValues = 1 << 18;

static NonFinite findNonFinite(llvm::ArrayRef<float> values, int64_t firstRow,
                               int64_t columns) {
  NonFinite found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]))
      continue;
    if (found.count++ == 0) {
      found.row = firstRow + i / columns;
      found.column = i % columns;
    }
  }
  return found;
}

static llvm::Expected<NonFinite> findNonFinite(const WeightSource &source,
                                               WeightReader &reader) {
  int64_t rows = std::max<int64_t>(1, pieceValues / source.columns);
  int64_t pieces = (source.rows + rows - 1) / rows;
  std::vector<NonFinite> found(pieces);
  auto findInPiece = [&](int64_t first, int64_t count) -> llvm::Error {
    std::vector<float> values(count * source.columns);
    if (llvm::Error error =
            reader.readRows(source, first, count, values.data()))
      return error;
    found[first / rows] = findNonFinite(values, first, source.columns);
    return llvm::Error::success();
  };
  if (llvm::Error error = tryParallelForTiles(source.rows, rows, findInPiece))
    return std::move(error);
  NonFinite all;
  for (int64_t i = 0; i < pieces; ++i) {
    int64_t before = all.count;
    all.count += found[i].count;
    if (before == 0 && all.count > 0)
      all.row = found[i].row, all.column = found[i].column;
  }
  return all;
}

llvm::Error CheckWeights::check(ModuleOp module) {
  WeightReader reader;
  for (auto weight : module.getOps<model::WeightOp>()) {
    WeightSource source = toWeightSource(weight);
    auto found = findNonFinite(source, reader);
    if (!found)
      return found.takeError();
    if (found->count == 0)
      continue;
    return llvm::createStringError(
        source.file + ": tensor '" + source.name + "' (" +
        llvm::Twine(source.rows) + " x " + llvm::Twine(source.columns) +
        ") has " + llvm::Twine(found->count) +
        (found->count == 1 ? " value that is no finite number, in row "
                           : " values that are no finite numbers, the first "
                             "in row ") +
        llvm::Twine(found->row) + ", column " + llvm::Twine(found->column) +
        "; the model is damaged, download or convert it again");
  }
  return llvm::Error::success();
}
