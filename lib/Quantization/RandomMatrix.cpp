//===- RandomMatrix.cpp - layouts and codes of no weights -----------------===//

#include "picollm/Quantization/RandomMatrix.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Support/Half.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <random>

using namespace picollm;

/// Mean square errors of a unit Gaussian at each of candidateWidths (Levels.h).
static constexpr LossTable::Losses roundingErrors = {
    1, 0.363, 0.0930, 0.0261, 0.00666, 0.00257, 0.00066, 3.1e-4, 8.4e-5, 1e-7};

// Powers of two by which losses of a weight differ, as those of SmolLM2-135M
// and Gemma 3 270M roughly do: standard deviations of matrices, of their panels
// and of blocks of columns; what the most important block has above the others;
// the step from one panel of tokens' rows to the next, of twice as many, whose
// last but one deserves what other matrices do.
static constexpr double matrixSpread = 1.6, panelSpread = 0.8,
                        blockSpread = 0.7, firstBlock = 3, tokenStep = 1;
static constexpr int64_t tokenPanels = 7;

namespace {

class Random {
public:
  explicit Random(uint64_t seed) : generator(seed * 0x9e3779b97f4a7c15) {}

  uint64_t bits() { return generator(); }

  /// About normal: the sum of twelve uniform numbers, without the library whose
  /// results differ between systems.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i)
      sum += (bits() >> 11) * 0x1p-53;
    return sum;
  }

private:
  std::mt19937_64 generator;
};

} // namespace

/// Rows of the panels that one of tokens' rows is cut into: each as long as all
/// before it, but whole tiles.
static std::vector<int64_t> cutTokens(int64_t rows) {
  std::vector<int64_t> panels;
  int64_t begin = 0;
  for (int64_t i = tokenPanels - 1; i >= 0; --i) {
    const int64_t end = i ? (rows >> i) / tileRows * tileRows : rows;
    if (end > begin)
      panels.push_back(end - begin);
    begin = std::max(begin, end);
  }
  return panels;
}

LossTable picollm::randomLosses(llvm::StringRef name,
                                llvm::ArrayRef<int64_t> rows,
                                bool hasRowsOfTokens, int64_t columns,
                                uint64_t seed) {
  assert((!hasRowsOfTokens || rows.size() == 1) && "tokens have one matrix");
  Random random(seed);
  LossTable table;
  table.name = name.str();
  table.columns = columns;
  table.widthColumns = QuantizationOptions().widthColumns;
  table.rows = hasRowsOfTokens ? cutTokens(rows[0]) : rows.vec();
  table.order.resize(columns);
  std::iota(table.order.begin(), table.order.end(), 0);
  for (int64_t i = columns - 1; i > 0; --i)
    std::swap(table.order[i], table.order[random.bits() % (i + 1)]);
  const int64_t blocks =
      (columns + table.widthColumns - 1) / table.widthColumns;
  const double ofMatrix = matrixSpread * random.normal();
  for (size_t panel = 0; panel < table.rows.size(); ++panel) {
    const double ofPanel = hasRowsOfTokens
                               ? tokenStep * double(int64_t(table.rows.size()) -
                                                    2 - int64_t(panel))
                               : panelSpread * random.normal();
    std::vector<double> powers(blocks);
    for (double &power : powers)
      power = ofMatrix + ofPanel + blockSpread * random.normal();
    std::sort(powers.begin(), powers.end(), std::greater<>());
    powers.front() += firstBlock;
    auto &losses = table.losses.emplace_back(blocks);
    for (int64_t block = 0; block < blocks; ++block)
      for (size_t width = 0; width < candidateWidths.size(); ++width)
        losses[block][width] =
            std::exp2(powers[block]) * double(table.rows[panel]) *
            double(table.blockColumns(block)) * roundingErrors[width];
  }
  return table;
}

/// The variance of the levels of random codes, or of the halves that stand for
/// them.
static double levelVariance(int64_t bits) {
  if (bits == 16)
    return 7.0 / 12; // uniform in 0.5 .. 1
  double variance = 0;
  const int32_t codes = 1 << bits;
  for (int64_t above = 0; above <= filterDepth(bits, false); ++above)
    for (int32_t code = 0; code < codes; ++code) {
      const double part = levelPart(bits, code, above, false);
      variance += part * part / codes;
    }
  return variance;
}

static uint16_t randomCode(int64_t bits, uint64_t random) {
  if (bits == 16) // 0.5 .. 1 and its negative
    return (random & 0x83ff) | 0x3800;
  return random & ((1 << bits) - 1);
}

QuantizedMatrix picollm::randomMatrix(const MatrixLayout &layout,
                                      std::vector<uint32_t> order,
                                      uint64_t seed) {
  Random random(seed);
  const uint16_t one = floatToHalf(1.0f);
  QuantizedMatrix matrix;
  matrix.layout = layout;
  matrix.order = std::move(order);
  matrix.columnScales.assign(layout.columns, one);
  for (const Panel &panel : layout.panels) {
    assert(panelGroups(panel) == 0 && "groups are of other schemes");
    QuantizedPanel &values = matrix.panels.emplace_back();
    values.rowScales.assign(panel.rows, one);
    for (const Segment &segment : panel.segments)
      values.segmentScales.push_back(
          segment.bits == 0
              ? 1.0f
              : float(1 / std::sqrt(double(layout.columns) *
                                    levelVariance(segment.bits))));
    values.codes.resize(panel.rows * layout.columns);
    uint16_t *code = values.codes.data();
    for (int64_t row = 0; row < panel.rows; ++row)
      for (const Segment &segment : panel.segments)
        for (int64_t column = 0; column < segment.columns; column += 4) {
          // Segments are multiples of eight columns.
          const uint64_t four = random.bits();
          for (int64_t i = 0; i < 4; ++i)
            *code++ = randomCode(segment.bits, four >> 16 * i);
        }
  }
  return matrix;
}
