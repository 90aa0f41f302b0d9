//===- MeasureLosses.cpp - the loss of each block at each width -----------===//

#include "ColumnLoops.h"
#include "FeedbackFactor.h"
#include "StackRows.h"
#include "StepSearch.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Quantization/BitWidths.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace picollm;

namespace {

constexpr size_t widthCount = candidateWidths.size();
/// The Gaussian multiples and the step that clips nothing.
constexpr size_t stepCount = stepMultiples.size() + 1;
/// 3 bits, at which columns are compared with each other.
constexpr size_t middleWidth = 3;
/// Columns that one thread measures at a time.
constexpr int64_t columnsPerTask = 32;

/// One column of one panel, summed over its rows.
struct ColumnMeasure {
  double squares = 0, weights = 0; ///< sum w x^2, sum w
  float largest = 0;               ///< max |x|
  std::array<std::array<double, stepCount>, widthCount> errors{};

  /// Of the levels, for candidate `step`; 0: not usable.
  float scale(size_t width, size_t step) const {
    int64_t bits = candidateWidths[width];
    if (step == stepMultiples.size())
      return largest / static_cast<float>(topLevel(bits));
    double deviation = weights > 0 ? std::sqrt(squares / weights) : 0.0;
    return static_cast<float>(deviation) * gaussianStep(bits) *
           stepMultiples[step];
  }

  double loss(size_t width) const {
    if (candidateWidths[width] == 0)
      return squares;
    if (candidateWidths[width] == 16)
      return squares * halfRoundingError;
    return std::min(
        squares, *std::min_element(errors[width].begin(), errors[width].end()));
  }
};

/// A chunk of W / r by columns, with the weights of its rows.
struct ColumnChunk {
  std::vector<float> values, weights;
  int64_t stride = 0;

  const float *column(int64_t k) const { return values.data() + k * stride; }
};

} // namespace

/// Calls visit(panel, columns of a chunk of its rows) for all chunks.
static llvm::Error forEachColumnChunk(
    const StackRows &rows, const StackScales &scales,
    const std::vector<uint32_t> &order,
    llvm::function_ref<void(size_t, const ColumnChunk &)> visit) {
  std::vector<float> buffer;
  ColumnChunk columns;
  for (const RowChunk &chunk : rows.chunks()) {
    llvm::Expected<const float *> in = rows.read(chunk, buffer);
    if (!in)
      return in.takeError();
    columns.stride = paddedCount(chunk.count);
    columns.values.assign(order.size() * columns.stride, 0.0f);
    columns.weights.assign(columns.stride, 0.0f);
    std::copy_n(scales.lossWeights.begin() + chunk.stackRow, chunk.count,
                columns.weights.begin());
    transposeRows(*in, chunk.count, order.size(),
                  scales.inverseRows.data() + chunk.stackRow, order,
                  columns.values.data(), columns.stride);
    visit(chunk.panel, columns);
  }
  return llvm::Error::success();
}

static void addSpread(const ColumnChunk &chunk, int64_t k,
                      ColumnMeasure &measure) {
  const float *x = chunk.column(k);
  measure.squares += weightedSquareSum(x, chunk.weights.data(), chunk.stride);
  measure.largest =
      std::max(measure.largest, largestMagnitude(x, chunk.stride));
  for (float weight : chunk.weights)
    measure.weights += weight;
}

static void addErrors(const ColumnChunk &chunk, int64_t k,
                      ColumnMeasure &measure) {
  const float *x = chunk.column(k), *w = chunk.weights.data();
  for (size_t width = 0; width < widthCount; ++width) {
    int64_t bits = candidateWidths[width];
    if (bits == 0 || bits == 16)
      continue;
    for (size_t step = 0; step < stepCount; ++step) {
      float s = measure.scale(width, step);
      measure.errors[width][step] +=
          s > minUsableStep
              ? estimatedRoundingError(x, w, chunk.stride, s, bits)
              : weightedSquareSum(x, w, chunk.stride);
    }
  }
}

/// Measures of [panel][place of feedback].
static llvm::Expected<std::vector<std::vector<ColumnMeasure>>>
measureColumns(const StackRows &rows, const StackScales &scales,
               const std::vector<uint32_t> &order) {
  int64_t n = order.size();
  std::vector<std::vector<ColumnMeasure>> measures(
      rows.stack().panels.size(), std::vector<ColumnMeasure>(n));
  for (auto add : {addSpread, addErrors}) {
    auto visit = [&](size_t panel, const ColumnChunk &chunk) {
      parallelForTiles(n, columnsPerTask, [&](int64_t first, int64_t count) {
        for (int64_t k = first; k < first + count; ++k)
          add(chunk, k, measures[panel][k]);
      });
    };
    if (llvm::Error error = forEachColumnChunk(rows, scales, order, visit))
      return error;
  }
  return measures;
}

llvm::Expected<LossTable>
picollm::measureLosses(const WeightStack &stack,
                       const InputStatistics &statistics,
                       const QuantizationOptions &options) {
  if (options.widthColumns <= 0 || options.widthColumns % stepColumns)
    return llvm::createStringError(
        "blocks of equal width have %lld columns, expected a positive multiple "
        "of %lld",
        static_cast<long long>(options.widthColumns),
        static_cast<long long>(stepColumns));
  llvm::Expected<StackRows> rows = StackRows::open(stack, options.cacheBytes);
  if (!rows)
    return rows.takeError();
  llvm::Expected<FeedbackFactor> factor =
      factorMoment(stack, statistics, options.damping, true);
  if (!factor)
    return factor.takeError();
  llvm::Expected<StackScales> scales = normalizeStack(*rows);
  if (!scales)
    return scales.takeError();
  auto measures = measureColumns(*rows, *scales, factor->order);
  if (!measures)
    return measures.takeError();

  LossTable table;
  table.name = stack.name;
  table.columns = stack.columns;
  table.widthColumns = options.widthColumns;
  table.rowWeights = stack.rowWeights();
  size_t n = stack.columns;
  std::vector<double> importance(n);
  for (size_t k = 0; k < n; ++k)
    for (size_t p = 0; p < stack.panels.size(); ++p)
      importance[k] +=
          (*measures)[p][k].loss(middleWidth) * factor->lossWeights[k];
  std::vector<size_t> places(n);
  std::iota(places.begin(), places.end(), size_t(0));
  std::sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    return importance[a] != importance[b] ? importance[a] > importance[b]
                                          : a < b;
  });
  for (size_t place : places)
    table.order.push_back(factor->order[place]);
  for (size_t p = 0; p < stack.panels.size(); ++p) {
    table.rows.push_back(stack.panels[p].rows);
    auto &blocks = table.losses.emplace_back((n + options.widthColumns - 1) /
                                                 options.widthColumns,
                                             LossTable::Losses{});
    for (size_t j = 0; j < n; ++j)
      for (size_t width = 0; width < widthCount; ++width)
        blocks[j / options.widthColumns][width] +=
            (*measures)[p][places[j]].loss(width) *
            factor->lossWeights[places[j]];
  }
  return table;
}
