//===- QuantizeStack.cpp - float matrices to codes and scales -------------===//

#include "ColumnLoops.h"
#include "DriftCorrection.h"
#include "ErrorFeedback.h"
#include "StackRows.h"
#include "StepSearch.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <numeric>
#include <set>

using namespace picollm;

/// Rows that are quantised together; only later ones see their errors.
static constexpr int64_t rowFeedbackBlock = 2 * tileRows;
/// Columns whose later rows one thread changes; fixed, as sums must not depend
/// on the threads.
static constexpr int64_t feedbackTile = 192;

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

/// The factor of a moment of outputs: rows play the part of columns. Tiles of
/// rows stay whole, as their levels may be filtered.
static llvm::Expected<FeedbackFactor>
factorOutputs(llvm::StringRef name, const std::vector<float> &moment,
              int64_t rows, double damping, bool onlyLossWeights) {
  WeightStack outputs;
  outputs.name = ("outputs of " + name).str();
  outputs.columns = rows;
  return factorMoment(outputs, InputStatistics{moment, {}, {}}, damping,
                      onlyLossWeights, {tileRows, rowFeedbackBlock});
}

namespace {

class StackQuantizer {
public:
  StackQuantizer(const StackRows &rows, const StackScales &scales,
                 const FeedbackFactor &factor,
                 const InputStatistics &statistics,
                 const StackAllocation &allocation,
                 const QuantizationOptions &options)
      : rows(rows), scales(scales), factor(factor), statistics(statistics),
        allocation(allocation), options(options),
        columns(allocation.layout.columns), order(allocation.order) {}

  llvm::Expected<QuantizedStack> run() {
    plan();
    if (llvm::Error error = chooseScales())
      return error;
    storeByMagnitude();
    prepareResult();
    if (llvm::Error error = quantizeChunks())
      return error;
    return std::move(result);
  }

private:
  void plan();
  llvm::Expected<FeedbackRows> readSample() const;
  llvm::Error chooseScales();
  void findStored();
  void storeByMagnitude();
  void prepareResult();
  double quantizeRows(size_t panel, int64_t count, FeedbackRows &part,
                      llvm::function_ref<int64_t(int64_t)> rowOf);
  llvm::Error quantizeChunk(const RowChunk &chunk, double &loss);
  double quantizeRowSlice(size_t panel, const FeedbackFactor &rowFactor,
                          int64_t place, int64_t size, const float *target,
                          int64_t targetStride, float *errors,
                          int64_t errorStride);
  /// Feedback over rows too: what the errors of a block of rows do to the cost
  /// through correlated outputs, the rows after it make good.
  llvm::Error quantizePanelByRows(size_t panel, double &loss);
  llvm::Error quantizeChunks();

  const StackRows &rows;
  const StackScales &scales;
  const FeedbackFactor &factor;
  const InputStatistics &statistics;
  const StackAllocation &allocation;
  const QuantizationOptions &options;
  int64_t columns;
  std::vector<uint32_t> order; ///< input column of each stored column
  std::vector<int64_t> stored; ///< stored position of each place of feedback
  FeedbackPlan feedback;
  std::vector<float> refitted; ///< c_j to store, [place]
  QuantizedStack result;
};

} // namespace

void StackQuantizer::findStored() {
  std::vector<int64_t> position(columns);
  for (int64_t j = 0; j < columns; ++j)
    position[order[j]] = j;
  stored.clear();
  for (uint32_t column : factor.order)
    stored.push_back(position[column]);
}

void StackQuantizer::plan() {
  findStored();
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
          widths[at] > 0 && widths[at] <= 8 ? gaussianStep(widths[at]) : 1);
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

/// Sorts the columns that have one width in all panels by falling mean square
/// of x_j c_j, which is what is encoded: the largest of a block decides how far
/// the others are rounded.
void StackQuantizer::storeByMagnitude() {
  std::vector<double> magnitudes(columns);
  for (int64_t k = 0; k < columns; ++k) {
    const uint32_t column = factor.order[k];
    const double square = statistics.meanSquare(column, columns);
    magnitudes[column] = square * refitted[k] * refitted[k];
  }
  std::set<int64_t> borders = {columns};
  for (const Panel &panel : allocation.layout.panels) {
    int64_t end = 0;
    for (const Segment &segment : panel.segments)
      borders.insert(end += segment.columns);
  }
  int64_t begin = 0;
  for (int64_t end : borders) {
    std::sort(order.begin() + begin, order.begin() + end,
              [&](uint32_t a, uint32_t b) {
                return magnitudes[a] != magnitudes[b]
                           ? magnitudes[a] > magnitudes[b]
                           : a < b;
              });
    begin = end;
  }
  findStored();
}

void StackQuantizer::prepareResult() {
  QuantizedMatrix &matrix = result.matrix;
  matrix.layout = allocation.layout;
  matrix.order = order;
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

/// Quantises rows of one panel, `part` with weights over r as values.
/// `rowOf(i)` is the row of the panel that value i of each column belongs to.
/// On return the values are what is stored stands for, over the same r.
double
StackQuantizer::quantizeRows(size_t panel, int64_t count, FeedbackRows &part,
                             llvm::function_ref<int64_t(int64_t)> rowOf) {
  const std::vector<float> original = part.values;
  std::vector<uint16_t> codes;
  std::vector<double> losses(feedback.bits.size());
  FeedbackPlan fixed = feedback;
  runErrorFeedback(fixed, false, part, codes, losses);
  for (int64_t k = 0; k < columns; ++k)
    if (fixed.columnScales[k] != refitted[k]) {
      for (int64_t i = 0; i < part.stride; ++i)
        part.column(k)[i] *= refitted[k] / fixed.columnScales[k];
      fixed.columnScales[k] = refitted[k];
    }
  refineCodes(fixed, original, part, codes, options.refinementSweeps);

  QuantizedPanel &out = result.matrix.panels[panel];
  constexpr int64_t block = 16;
  for (int64_t i0 = 0; i0 < count; i0 += block)
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t i = i0; i < std::min(count, i0 + block); ++i)
        out.codes[rowOf(i) * columns + stored[k]] = codes[k * part.stride + i];
  if (!options.refitScales)
    return losses[panel];
  std::vector<float> product;
  multiplyMoment(factor, part.values.data(), part.stride, product);
  std::vector<float> rowFactors = fitRows(part, original, product);
  for (int64_t i = 0; i < count; ++i) {
    uint16_t &scale = out.rowScales[rowOf(i)];
    float before = halfToFloat(scale);
    scale = floatToHalf(std::min(maxHalf, before * rowFactors[i]));
    rowFactors[i] = before > 0 ? halfToFloat(scale) / before : 1.0f;
  }
  for (int64_t k = 0; k < columns; ++k)
    for (int64_t i = 0; i < count; ++i)
      part.column(k)[i] *= rowFactors[i];
  return losses[panel];
}

llvm::Error StackQuantizer::quantizeChunk(const RowChunk &chunk, double &loss) {
  std::vector<float> buffer;
  llvm::Expected<const float *> in = rows.read(chunk, buffer);
  if (!in)
    return in.takeError();
  FeedbackRows part =
      makeFeedbackRows(chunk, *in, columns, factor.order,
                       scales.inverseRows.data() + chunk.stackRow,
                       scales.lossWeights.data() + chunk.stackRow);
  loss = quantizeRows(chunk.panel, chunk.count, part,
                      [&](int64_t i) { return chunk.row + i; });
  return llvm::Error::success();
}

/// Rows at `place` of the feedback over rows: `target` [place of
/// columns][targetStride] is what they are to be, `errors` [place of
/// columns][errorStride] gets what is left of it.
double StackQuantizer::quantizeRowSlice(size_t panel,
                                        const FeedbackFactor &rowFactor,
                                        int64_t place, int64_t size,
                                        const float *target,
                                        int64_t targetStride, float *errors,
                                        int64_t errorStride) {
  FeedbackRows part;
  part.stride = paddedCount(size);
  part.slices.push_back({panel, 0, part.stride});
  part.values.assign(columns * part.stride, 0.0f);
  part.weights.assign(part.stride, 0.0f);
  // What earlier rows left may be larger than a row itself: r_i again.
  std::vector<double> squares(size);
  for (int64_t k = 0; k < columns; ++k)
    if (float c = scales.columns[factor.order[k]]; c > 0)
      for (int64_t i = 0; i < size; ++i) {
        double x = target[k * targetStride + i] / c;
        squares[i] += x * x;
      }
  std::vector<float> stored(size), inverse(size);
  for (int64_t i = 0; i < size; ++i) {
    double scale = std::sqrt(squares[i] / double(columns)) / scales.unit;
    uint16_t &half =
        result.matrix.panels[panel].rowScales[rowFactor.order[place + i]];
    half = floatToHalf(std::min(maxHalf, float(scale)));
    stored[i] = halfToFloat(half) * scales.unit;
    inverse[i] = stored[i] > 0 ? 1 / stored[i] : 0;
    part.weights[i] = rowFactor.lossWeights[place + i] * stored[i] * stored[i];
  }
  for (int64_t k = 0; k < columns; ++k)
    for (int64_t i = 0; i < size; ++i)
      part.column(k)[i] = target[k * targetStride + i] * inverse[i];
  const double loss = quantizeRows(
      panel, size, part, [&](int64_t i) { return rowFactor.order[place + i]; });
  for (int64_t k = 0; k < columns; ++k)
    for (int64_t i = 0; i < size; ++i)
      errors[k * errorStride + i] =
          target[k * targetStride + i] - part.column(k)[i] * stored[i];
  return loss;
}

llvm::Error StackQuantizer::quantizePanelByRows(size_t panel, double &loss) {
  const StackPanel &source = rows.stack().panels[panel];
  auto rowFactor = factorOutputs(source.name, source.outputMoment, source.rows,
                                 options.outputDamping, false);
  if (!rowFactor)
    return rowFactor.takeError();
  const std::vector<uint32_t> &order = rowFactor->order;
  const int64_t count = source.rows;
  // Targets, by places of feedback, rows in the order of theirs.
  std::vector<float> target(columns * count), buffer;
  std::vector<int64_t> placeOfRow(count);
  for (int64_t i = 0; i < count; ++i)
    placeOfRow[order[i]] = i;
  for (const RowChunk &chunk : rows.chunks()) {
    if (chunk.panel != panel)
      continue;
    llvm::Expected<const float *> in = rows.read(chunk, buffer);
    if (!in)
      return in.takeError();
    for (int64_t i = 0; i < chunk.count; ++i)
      for (int64_t k = 0; k < columns; ++k)
        target[k * count + placeOfRow[chunk.row + i]] =
            (*in)[i * columns + factor.order[k]];
  }
  loss = 0;
  for (int64_t begin = 0; begin < count; begin += rowFeedbackBlock) {
    const int64_t size = std::min(rowFeedbackBlock, count - begin);
    // Within the block rows do not see each other's errors; a thread takes a
    // tile.
    std::vector<float> errors(columns * size);
    std::vector<double> losses((size + tileRows - 1) / tileRows);
    parallelForTiles(size, tileRows, [&](int64_t first, int64_t rows) {
      losses[first / tileRows] =
          quantizeRowSlice(panel, *rowFactor, begin + first, rows,
                           &target[begin + first], count, &errors[first], size);
    });
    loss = std::accumulate(losses.begin(), losses.end(), loss);
    if (begin + size == count)
      break;
    // E V_bb^-1 V_b,later goes off the rows to come.
    const float *upper = &rowFactor->upper[begin * count + begin];
    parallelForTiles(columns, feedbackTile, [&](int64_t k, int64_t tile) {
      cblas_strsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans,
                  CblasNonUnit, tile, size, 1.0f, upper, count,
                  &errors[k * size], size);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, tile,
                  count - begin - size, size, -1.0f, &errors[k * size], size,
                  upper + size, count, 1.0f, &target[k * count + begin + size],
                  count);
    });
  }
  return llvm::Error::success();
}

llvm::Error StackQuantizer::quantizeChunks() {
  // Rows of a panel with a moment of its outputs depend on each other.
  std::vector<RowChunk> pieces;
  for (const RowChunk &chunk : rows.chunks())
    if (rows.stack().panels[chunk.panel].outputMoment.empty() || chunk.row == 0)
      pieces.push_back(chunk);
  std::vector<double> losses(pieces.size());
  if (llvm::Error error = tryParallelFor(pieces.size(), [&](int64_t c) {
        const RowChunk &chunk = pieces[c];
        return rows.stack().panels[chunk.panel].outputMoment.empty()
                   ? quantizeChunk(chunk, losses[c])
                   : quantizePanelByRows(chunk.panel, losses[c]);
      }))
    return error;
  result.losses.assign(feedback.bits.size(), 0.0);
  for (size_t c = 0; c < pieces.size(); ++c)
    result.losses[pieces[c].panel] += losses[c];
  return llvm::Error::success();
}

llvm::Expected<std::vector<float>> picollm::rowWeightsUnderFeedback(
    llvm::StringRef name, const std::vector<float> &outputMoment, int64_t rows,
    const QuantizationOptions &options) {
  auto factor =
      factorOutputs(name, outputMoment, rows, options.outputDamping, true);
  if (!factor)
    return factor.takeError();
  // The share that later rows leave, of what is not damping.
  std::vector<float> weights(rows);
  for (int64_t i = 0; i < rows; ++i) {
    const uint32_t row = factor->order[i];
    const double own = outputMoment[row * rows + row];
    if (own > 0)
      weights[row] =
          float(factor->lossWeights[i] * own / (own + factor->damping));
  }
  return weights;
}

llvm::Expected<QuantizedStack> picollm::quantizeStack(
    const WeightStack &stack, const InputStatistics &statistics,
    const StackAllocation &allocation, const QuantizationOptions &options) {
  if (!statistics.drift.empty()) {
    llvm::Expected<WeightStack> corrected =
        correctDrift(stack, statistics, options);
    if (!corrected)
      return corrected.takeError();
    InputStatistics withoutDrift = {statistics.moment, {}, {}};
    return quantizeStack(*corrected, withoutDrift, allocation, options);
  }
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
  return StackQuantizer(*rows, *scales, *factor, statistics, allocation,
                        options)
      .run();
}
