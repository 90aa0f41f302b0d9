//===- QuantizeGroups.cpp - the published GPTQ, and rounding --------------===//
//
// Frantar et al., "GPTQ", arXiv:2210.17323, with the options that its code
// calls act-order and groupsize: scale and zero of a group span the smallest
// and the largest of its weights, and 0.
//
//===----------------------------------------------------------------------===//

#include "ColumnLoops.h"
#include "ErrorFeedback.h"
#include "StackRows.h"
#include "StepSearch.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

static llvm::Error checkGroups(const WeightStack &stack,
                               const MatrixLayout &layout) {
  auto invalid = [&](const llvm::Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   stack.name + ": " + message);
  };
  if (llvm::Error error = checkLayout(layout))
    return error;
  if (layout.columns != stack.columns ||
      layout.panels.size() != stack.panels.size())
    return invalid("layout has " + llvm::Twine(layout.columns) +
                   " columns and " + llvm::Twine(layout.panels.size()) +
                   " panels, the matrices " + llvm::Twine(stack.columns) +
                   " and " + llvm::Twine(stack.panels.size()));
  for (size_t p = 0; p < stack.panels.size(); ++p) {
    const Panel &panel = layout.panels[p];
    if (panel.rows != stack.panels[p].rows)
      return invalid("layout has " + llvm::Twine(panel.rows) + " rows for '" +
                     stack.panels[p].name + "', which has " +
                     llvm::Twine(stack.panels[p].rows));
    if (panel.segments.size() != 1 || panel.segments[0].group == 0)
      return invalid("panel '" + stack.panels[p].name +
                     "' is laid out without groups or in several segments, "
                     "expected one segment with groups");
  }
  return llvm::Error::success();
}

namespace {

/// Scales and zeros of one group for the rows of a chunk; s = 2 a_s d.
struct GroupRounding {
  explicit GroupRounding(int64_t rows)
      : scales(rows), inverseScales(rows), zeros(rows) {}
  std::vector<float> scales, inverseScales, zeros;
};

class GroupQuantizer {
public:
  GroupQuantizer(const StackRows &rows, const FeedbackFactor &factor,
                 const MatrixLayout &layout)
      : rows(rows), factor(factor), columns(layout.columns) {
    result.matrix.layout = layout;
  }

  llvm::Expected<QuantizedStack> run() {
    if (llvm::Error error = prepareResult())
      return error;
    if (llvm::Error error = quantizeChunks())
      return error;
    return std::move(result);
  }

private:
  llvm::Error prepareResult();
  void chooseGroup(const RowChunk &chunk, const FeedbackRows &part,
                   int64_t begin, int64_t end, GroupRounding &rounding);
  llvm::Error quantizeChunk(const RowChunk &chunk, double &loss);
  llvm::Error quantizeChunks();

  int64_t bitsOf(size_t panel) const {
    return result.matrix.layout.panels[panel].segments[0].bits;
  }

  const StackRows &rows;
  const FeedbackFactor &factor;
  int64_t columns;
  QuantizedStack result;
};

} // namespace

/// All scales but those of groups: r_i = c_j = 1, a_s a power of two that
/// brings the largest d near 1, whatever the size of the weights.
llvm::Error GroupQuantizer::prepareResult() {
  QuantizedMatrix &matrix = result.matrix;
  const uint16_t one = floatToHalf(1.0f);
  matrix.order = factor.order;
  matrix.columnScales.assign(columns, one);
  std::vector<float> largest(matrix.layout.panels.size()), buffer;
  for (const RowChunk &chunk : rows.chunks()) {
    llvm::Expected<const float *> in = rows.read(chunk, buffer);
    if (!in)
      return in.takeError();
    for (int64_t i = 0; i < chunk.count * columns; ++i)
      largest[chunk.panel] =
          std::max(largest[chunk.panel], std::fabs((*in)[i]));
  }
  for (size_t p = 0; p < largest.size(); ++p) {
    const Panel &panel = matrix.layout.panels[p];
    const int64_t groups = panel.rows * panelGroups(panel);
    float step = largest[p] / static_cast<float>((1 << bitsOf(p)) - 1);
    QuantizedPanel &values = matrix.panels.emplace_back();
    values.segmentScales = {step > 0 ? std::ldexp(1.0f, std::ilogb(step)) : 1};
    values.rowScales.assign(panel.rows, one);
    values.groupScales.resize(groups);
    values.zeros.resize(groups);
    values.codes.resize(panel.rows * columns);
  }
  return llvm::Error::success();
}

/// Of the columns [begin, end) as feedback has left them.
void GroupQuantizer::chooseGroup(const RowChunk &chunk,
                                 const FeedbackRows &part, int64_t begin,
                                 int64_t end, GroupRounding &rounding) {
  std::vector<float> low(chunk.count), high(chunk.count);
  for (int64_t k = begin; k < end; ++k)
    for (int64_t i = 0; i < chunk.count; ++i) {
      low[i] = std::min(low[i], part.column(k)[i]);
      high[i] = std::max(high[i], part.column(k)[i]);
    }
  QuantizedPanel &out = result.matrix.panels[chunk.panel];
  const int64_t groups = panelGroups(result.matrix.layout.panels[chunk.panel]);
  const float unit = 2 * out.segmentScales[0];
  const float top = static_cast<float>((1 << bitsOf(chunk.panel)) - 1);
  for (int64_t i = 0; i < chunk.count; ++i) {
    const float step = high[i] / top - low[i] / top;
    const uint16_t half = floatToHalf(std::min(maxHalf, step / unit));
    const float scale = unit * halfToFloat(half);
    const bool usable = scale > minUsableStep;
    const float zero =
        usable ? std::clamp(std::nearbyint(-low[i] / scale), 0.0f, top) : 0;
    rounding.scales[i] = usable ? scale : 0;
    rounding.inverseScales[i] = usable ? 1 / scale : 0;
    rounding.zeros[i] = zero;
    const int64_t at = (chunk.row + i) * groups + begin / blockColumns;
    out.groupScales[at] = usable ? half : 0;
    out.zeros[at] = static_cast<uint8_t>(zero);
  }
}

llvm::Error GroupQuantizer::quantizeChunk(const RowChunk &chunk, double &loss) {
  std::vector<float> buffer;
  llvm::Expected<const float *> in = rows.read(chunk, buffer);
  if (!in)
    return in.takeError();
  const std::vector<float> ones(chunk.count, 1.0f);
  FeedbackRows part = makeFeedbackRows(chunk, *in, columns, factor.order,
                                       ones.data(), ones.data());
  GroupRounding rounding(part.stride);
  std::vector<uint16_t> codes(part.stride);
  QuantizedPanel &out = result.matrix.panels[chunk.panel];
  std::vector<double> losses(result.matrix.panels.size());
  spreadErrors(
      factor, blockColumns, part,
      [&](int64_t begin, int64_t end) {
        chooseGroup(chunk, part, begin, end, rounding);
      },
      [&](int64_t k, float *values) {
        roundWithZeros(part.column(k), rounding.scales.data(),
                       rounding.inverseScales.data(), rounding.zeros.data(),
                       part.stride, bitsOf(chunk.panel), codes.data(), values);
        for (int64_t i = 0; i < chunk.count; ++i)
          out.codes[(chunk.row + i) * columns + k] = codes[i];
      },
      losses);
  loss = losses[chunk.panel];
  return llvm::Error::success();
}

llvm::Error GroupQuantizer::quantizeChunks() {
  const std::vector<RowChunk> &chunks = rows.chunks();
  std::vector<double> losses(chunks.size());
  if (llvm::Error error = tryParallelFor(chunks.size(), [&](int64_t c) {
        return quantizeChunk(chunks[c], losses[c]);
      }))
    return error;
  result.losses.assign(result.matrix.panels.size(), 0.0);
  for (size_t c = 0; c < chunks.size(); ++c)
    result.losses[chunks[c].panel] += losses[c];
  return llvm::Error::success();
}

llvm::Expected<QuantizedStack> picollm::quantizeGroups(
    const WeightStack &stack, const InputStatistics &statistics,
    const MatrixLayout &layout, const QuantizationOptions &options) {
  llvm::Expected<StackRows> rows = StackRows::open(stack, options.cacheBytes);
  if (!rows)
    return rows.takeError();
  if (llvm::Error error = checkGroups(stack, layout))
    return error;
  llvm::Expected<FeedbackFactor> factor =
      factorMoment(stack, statistics, options.damping, false);
  if (!factor)
    return factor.takeError();
  return GroupQuantizer(*rows, *factor, layout).run();
}
