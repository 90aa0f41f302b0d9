//===- QuantizeStack.cpp - float matrices to codes and scales -------------===//

#include "ColumnLoops.h"
#include "ErrorFeedback.h"
#include "StackRows.h"
#include "StepSearch.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <numeric>

using namespace picollm;

static llvm::Error invalid(const WeightStack &stack,
                           const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 stack.name + ": " + message);
}

static llvm::Error checkAllocation(const WeightStack &stack,
                                   const StackAllocation &allocation) {
  const MatrixLayout &layout = allocation.layout;
  if (llvm::Error error = checkLayout(layout))
    return error;
  if (layout.columns != stack.columns ||
      layout.panels.size() != stack.panels.size())
    return invalid(stack,
                   "allocation has " + llvm::Twine(layout.columns) +
                       " columns and " + llvm::Twine(layout.panels.size()) +
                       " panels, the matrices " + llvm::Twine(stack.columns) +
                       " and " + llvm::Twine(stack.panels.size()));
  for (size_t p = 0; p < stack.panels.size(); ++p)
    if (layout.panels[p].rows != stack.panels[p].rows)
      return invalid(stack,
                     "allocation has " + llvm::Twine(layout.panels[p].rows) +
                         " rows for '" + stack.panels[p].name +
                         "', which has " + llvm::Twine(stack.panels[p].rows));
  std::vector<bool> seen(stack.columns);
  for (uint32_t column : allocation.order)
    if (column < seen.size())
      seen[column] = true;
  if (allocation.order.size() != seen.size() ||
      std::find(seen.begin(), seen.end(), false) != seen.end())
    return invalid(stack, "column order of the allocation is no permutation");
  return llvm::Error::success();
}

namespace {

class StackQuantizer {
public:
  StackQuantizer(const StackRows &rows, const StackScales &scales,
                 const FeedbackFactor &factor,
                 const StackAllocation &allocation,
                 const QuantizationOptions &options)
      : rows(rows), scales(scales), factor(factor), allocation(allocation),
        options(options), columns(allocation.layout.columns) {}

  llvm::Expected<QuantizedStack> run() {
    plan();
    if (llvm::Error error = chooseScales())
      return error;
    prepareResult();
    if (llvm::Error error = quantizeChunks())
      return error;
    return std::move(result);
  }

private:
  void plan();
  llvm::Expected<FeedbackRows> readSample() const;
  llvm::Error chooseScales();
  void prepareResult();
  llvm::Error quantizeChunk(const RowChunk &chunk, double &loss);
  llvm::Error quantizeChunks();

  const StackRows &rows;
  const StackScales &scales;
  const FeedbackFactor &factor;
  const StackAllocation &allocation;
  const QuantizationOptions &options;
  int64_t columns;
  std::vector<int64_t> stored; ///< stored position of each place of feedback
  FeedbackPlan feedback;
  std::vector<float> refitted; ///< c_j to store, [place]
  QuantizedStack result;
};

} // namespace

void StackQuantizer::plan() {
  std::vector<int64_t> position(columns);
  for (int64_t j = 0; j < columns; ++j)
    position[allocation.order[j]] = j;
  for (uint32_t column : factor.order)
    stored.push_back(position[column]);
  feedback.factor = &factor;
  feedback.columnScales.resize(columns);
  for (const Panel &panel : allocation.layout.panels) {
    std::vector<int64_t> widths;
    for (const Segment &segment : panel.segments)
      widths.insert(widths.end(), segment.columns, segment.bits);
    std::vector<int64_t> &bits = feedback.bits.emplace_back();
    std::vector<float> &segmentScales = feedback.segmentScales.emplace_back();
    for (int64_t at : stored) {
      bits.push_back(widths[at]);
      segmentScales.push_back(
          widths[at] > 0 && widths[at] <= 8 ? gaussianHalfStep(widths[at]) : 1);
    }
  }
}

llvm::Expected<FeedbackRows> StackQuantizer::readSample() const {
  const WeightStack &stack = rows.stack();
  int64_t total = stack.rows();
  int64_t wanted = std::clamp<int64_t>(options.sampleRows, 1, total);
  std::vector<std::vector<int64_t>> picked(stack.panels.size());
  int64_t begin = 0, next = 0;
  for (size_t p = 0; p < stack.panels.size(); ++p) {
    int64_t end = begin + stack.panels[p].rows;
    for (; next < wanted && next * total / wanted < end; ++next)
      picked[p].push_back(next * total / wanted - begin);
    if (picked[p].empty())
      picked[p].push_back(0);
    begin = end;
  }
  FeedbackRows sample;
  for (size_t p = 0; p < picked.size(); ++p) {
    int64_t count = paddedCount(picked[p].size());
    sample.slices.push_back({p, sample.stride, count});
    sample.stride += count;
  }
  sample.values.assign(columns * sample.stride, 0.0f);
  sample.weights.assign(sample.stride, 0.0f);
  std::vector<float> buffer;
  int64_t panelRow = 0;
  for (size_t p = 0; p < picked.size(); ++p) {
    for (size_t i = 0; i < picked[p].size(); ++i) {
      int64_t row = picked[p][i], at = sample.slices[p].begin + i;
      llvm::Expected<const float *> in =
          rows.read({p, row, 1, panelRow + row}, buffer);
      if (!in)
        return in.takeError();
      transposeRows(*in, 1, columns, &scales.inverseRows[panelRow + row],
                    factor.order, sample.values.data() + at, sample.stride);
      sample.weights[at] = scales.lossWeights[panelRow + row];
    }
    panelRow += stack.panels[p].rows;
  }
  return sample;
}

llvm::Error StackQuantizer::chooseScales() {
  llvm::Expected<FeedbackRows> sample = readSample();
  if (!sample)
    return sample.takeError();
  if (sample->slices.size() > 1)
    fitSegmentScales(feedback, *sample);
  std::vector<float> original;
  if (options.refitScales)
    original = sample->values;
  std::vector<uint16_t> codes;
  std::vector<double> losses(sample->slices.size());
  runErrorFeedback(feedback, true, *sample, codes, losses);
  refitted = feedback.columnScales;
  if (!options.refitScales)
    return llvm::Error::success();
  std::vector<float> product;
  multiplyMoment(factor, sample->values.data(), sample->stride, product);
  std::vector<float> rowFactors = fitRows(*sample, original, product);
  FeedbackPlan after = feedback;
  refitColumnScales(after, *sample, original, rowFactors);
  refitted = std::move(after.columnScales);
  return llvm::Error::success();
}

void StackQuantizer::prepareResult() {
  QuantizedMatrix &matrix = result.matrix;
  matrix.layout = allocation.layout;
  matrix.order = allocation.order;
  matrix.columnScales.resize(columns);
  std::vector<int64_t> place(columns);
  for (int64_t k = 0; k < columns; ++k) {
    matrix.columnScales[stored[k]] = floatToHalf(refitted[k]);
    place[stored[k]] = k;
  }
  int64_t row = 0;
  for (size_t p = 0; p < allocation.layout.panels.size(); ++p) {
    const Panel &panel = allocation.layout.panels[p];
    QuantizedPanel &values = matrix.panels.emplace_back();
    int64_t column = 0;
    for (const Segment &segment : panel.segments) {
      values.segmentScales.push_back(feedback.segmentScales[p][place[column]] *
                                     scales.unit);
      column += segment.columns;
    }
    values.rowScales.assign(scales.rowHalves.begin() + row,
                            scales.rowHalves.begin() + row + panel.rows);
    values.codes.resize(panel.rows * columns);
    row += panel.rows;
  }
}

llvm::Error StackQuantizer::quantizeChunk(const RowChunk &chunk, double &loss) {
  std::vector<float> buffer;
  llvm::Expected<const float *> in = rows.read(chunk, buffer);
  if (!in)
    return in.takeError();
  FeedbackRows part;
  part.stride = paddedCount(chunk.count);
  part.slices.push_back({chunk.panel, 0, part.stride});
  part.values.assign(columns * part.stride, 0.0f);
  part.weights.assign(part.stride, 0.0f);
  std::copy_n(scales.lossWeights.begin() + chunk.stackRow, chunk.count,
              part.weights.begin());
  transposeRows(*in, chunk.count, columns,
                scales.inverseRows.data() + chunk.stackRow, factor.order,
                part.values.data(), part.stride);
  std::vector<float> original;
  if (options.refitScales)
    original = part.values;
  std::vector<uint16_t> codes;
  std::vector<double> losses(feedback.bits.size());
  FeedbackPlan fixed = feedback;
  runErrorFeedback(fixed, false, part, codes, losses);
  loss = losses[chunk.panel];

  QuantizedPanel &out = result.matrix.panels[chunk.panel];
  constexpr int64_t block = 16;
  for (int64_t i0 = 0; i0 < chunk.count; i0 += block)
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t i = i0; i < std::min(chunk.count, i0 + block); ++i)
        out.codes[(chunk.row + i) * columns + stored[k]] =
            codes[k * part.stride + i];
  if (!options.refitScales)
    return llvm::Error::success();
  for (int64_t k = 0; k < columns; ++k)
    if (feedback.columnScales[k] != refitted[k])
      for (int64_t i = 0; i < part.stride; ++i)
        part.column(k)[i] *= refitted[k] / feedback.columnScales[k];
  std::vector<float> product;
  multiplyMoment(factor, part.values.data(), part.stride, product);
  std::vector<float> rowFactors = fitRows(part, original, product);
  for (int64_t i = 0; i < chunk.count; ++i) {
    uint16_t &scale = out.rowScales[chunk.row + i];
    scale = floatToHalf(std::min(maxHalf, halfToFloat(scale) * rowFactors[i]));
  }
  return llvm::Error::success();
}

llvm::Error StackQuantizer::quantizeChunks() {
  const std::vector<RowChunk> &chunks = rows.chunks();
  std::vector<std::string> failures(chunks.size());
  std::vector<double> losses(chunks.size());
  parallelFor(chunks.size(), [&](int64_t c) {
    if (llvm::Error error = quantizeChunk(chunks[c], losses[c]))
      failures[c] = llvm::toString(std::move(error));
  });
  result.losses.assign(feedback.bits.size(), 0.0);
  for (size_t c = 0; c < chunks.size(); ++c) {
    if (!failures[c].empty())
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     failures[c]);
    result.losses[chunks[c].panel] += losses[c];
  }
  return llvm::Error::success();
}

llvm::Expected<QuantizedStack> picollm::quantizeStack(
    const WeightStack &stack, const InputStatistics &statistics,
    const StackAllocation &allocation, const QuantizationOptions &options) {
  llvm::Expected<StackRows> rows = StackRows::open(stack, options.cacheBytes);
  if (!rows)
    return rows.takeError();
  if (llvm::Error error = checkAllocation(stack, allocation))
    return error;
  llvm::Expected<FeedbackFactor> factor =
      factorMoment(stack, statistics, options.damping, false);
  if (!factor)
    return factor.takeError();
  llvm::Expected<StackScales> scales = normalizeStack(*rows);
  if (!scales)
    return scales.takeError();
  return StackQuantizer(*rows, *scales, *factor, allocation, options).run();
}
