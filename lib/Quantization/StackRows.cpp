//===- StackRows.cpp - the rows of a stack, piece by piece ----------------===//

#include "StackRows.h"
#include "ColumnLoops.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

static llvm::Error invalid(const WeightStack &stack,
                           const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 stack.name + ": " + message);
}

int64_t WeightStack::rows() const {
  int64_t sum = 0;
  for (const StackPanel &panel : panels)
    sum += panel.rows;
  return sum;
}

std::vector<float> WeightStack::rowWeights() const {
  std::vector<float> all;
  if (llvm::all_of(panels,
                   [](auto &panel) { return panel.rowWeights.empty(); }))
    return all;
  for (const StackPanel &panel : panels) {
    all.insert(all.end(), panel.rowWeights.begin(), panel.rowWeights.end());
    if (panel.rowWeights.empty())
      all.insert(all.end(), panel.rows, 1.0f);
  }
  return all;
}

llvm::Error WeightStack::check() const {
  if (columns <= 0 || columns % stepColumns)
    return invalid(*this, "has " + llvm::Twine(columns) +
                              " columns, expected a positive multiple of " +
                              llvm::Twine(stepColumns));
  if (panels.empty())
    return invalid(*this, "has no panels");
  for (const StackPanel &panel : panels) {
    if (panel.rows <= 0)
      return invalid(*this, "panel '" + panel.name + "' has no rows");
    size_t weights = panel.rowWeights.size();
    if (weights != 0 && weights != static_cast<size_t>(panel.rows))
      return invalid(*this, "panel '" + panel.name + "' has " +
                                llvm::Twine(weights) + " row weights for " +
                                llvm::Twine(panel.rows) + " rows");
    for (const auto *drift : {&panel.residualDrift, &panel.residualDriftOfHalf})
      if (!drift->empty() && drift->size() != size_t(panel.rows * columns))
        return invalid(*this, "panel '" + panel.name + "' has " +
                                  llvm::Twine(drift->size()) +
                                  " entries of residual drift for " +
                                  llvm::Twine(panel.rows) + " rows of " +
                                  llvm::Twine(columns));
    for (float weight : panel.rowWeights)
      if (!std::isfinite(weight) || weight < 0)
        return invalid(*this, "panel '" + panel.name +
                                  "' has a row weight that is negative or not "
                                  "finite; calibrate again");
  }
  return llvm::Error::success();
}

InputStatistics InputStatistics::uniform(int64_t columns, float meanSquare) {
  InputStatistics statistics;
  statistics.moment.assign(columns, meanSquare);
  return statistics;
}

llvm::Error InputStatistics::check(const WeightStack &stack) const {
  size_t n = stack.columns;
  bool diagonal = isDiagonal(n);
  if (!diagonal && moment.size() != n * n)
    return invalid(stack, "second moment of the input has " +
                              llvm::Twine(moment.size()) + " entries for " +
                              llvm::Twine(n) + " columns");
  for (float value : moment)
    if (!std::isfinite(value))
      return invalid(stack, "second moment of the input is not finite");
  for (const auto *of : {&drift, &half.drift}) {
    if (!of->empty() && (diagonal || of->size() != n * n))
      return invalid(stack, "drift of the input has " +
                                llvm::Twine(of->size()) + " entries for " +
                                llvm::Twine(n) + " columns");
    for (float value : *of)
      if (!std::isfinite(value))
        return invalid(stack, "drift of the input is not finite");
  }
  if (half.share > 0 && (half.moment.size() != moment.size() ||
                         half.drift.size() != drift.size()))
    return invalid(stack, "statistics of half of the input have another size "
                          "than those of all");
  for (size_t j = 0; j < n; ++j)
    if (meanSquare(j, n) < 0)
      return invalid(stack, "second moment of input column " + llvm::Twine(j) +
                                " is negative");
  return llvm::Error::success();
}

llvm::Expected<StackRows> StackRows::open(const WeightStack &stack,
                                          int64_t cacheBytes) {
  if (llvm::Error error = stack.check())
    return error;
  StackRows rows;
  rows.weights = &stack;
  int64_t stackRow = 0;
  for (size_t p = 0; p < stack.panels.size(); ++p)
    for (int64_t row = 0; row < stack.panels[p].rows; row += chunkRows) {
      int64_t count = std::min(chunkRows, stack.panels[p].rows - row);
      rows.cuts.push_back({p, row, count, stackRow});
      stackRow += count;
    }
  if (stackRow * stack.columns * int64_t(sizeof(float)) > cacheBytes)
    return rows;
  std::vector<float> all(stackRow * stack.columns), buffer;
  for (const RowChunk &chunk : rows.cuts) {
    llvm::Expected<const float *> values = rows.read(chunk, buffer);
    if (!values)
      return values.takeError();
    std::copy_n(*values, chunk.count * stack.columns,
                all.data() + chunk.stackRow * stack.columns);
  }
  rows.cache = std::move(all);
  return rows;
}

llvm::Expected<const float *>
StackRows::read(const RowChunk &chunk, std::vector<float> &buffer) const {
  int64_t columns = weights->columns;
  if (!cache.empty())
    return cache.data() + chunk.stackRow * columns;
  buffer.resize(chunk.count * columns);
  constexpr int64_t rows = 64; // that one thread reads
  if (llvm::Error error = tryParallelForTiles(
          chunk.count, rows, [&](int64_t first, int64_t size) {
            return readFinite(chunk.panel, chunk.row + first, size,
                              &buffer[first * columns]);
          }))
    return error;
  return buffer.data();
}

llvm::Error StackRows::readFinite(size_t panel, int64_t row, int64_t count,
                                  float *out) const {
  const int64_t columns = weights->columns;
  if (llvm::Error error = weights->readRows(panel, row, count, out))
    return error;
  for (int64_t i = 0; i < count * columns; ++i)
    if (!std::isfinite(out[i]))
      return invalid(*weights, "weight in row " +
                                   llvm::Twine(row + i / columns) +
                                   ", column " + llvm::Twine(i % columns) +
                                   " of '" + weights->panels[panel].name +
                                   "' is not finite; the model file is "
                                   "damaged");
  return llvm::Error::success();
}

/// Row scales under the column scales, and the mean squares of columns under
/// both.
static llvm::Error scaleOnce(const StackRows &rows, StackScales &scales,
                             std::vector<double> &rowScales) {
  int64_t n = rows.stack().columns, padded = paddedCount(n);
  std::vector<float> weights(padded);
  for (int64_t j = 0; j < n; ++j)
    weights[j] = scales.columns[j] > 0
                     ? 1.0f / (scales.columns[j] * scales.columns[j])
                     : 0.0f;
  struct ChunkSums {
    std::vector<float> columns;
    int64_t rows = 0; ///< that are not zeros
  };
  std::vector<ChunkSums> sums(rows.chunks().size());
  if (llvm::Error error =
          tryParallelFor(sums.size(), [&](int64_t c) -> llvm::Error {
            const RowChunk &chunk = rows.chunks()[c];
            std::vector<float> values(padded), buffer;
            llvm::Expected<const float *> in = rows.read(chunk, buffer);
            if (!in)
              return in.takeError();
            sums[c].columns.resize(n);
            for (int64_t i = 0; i < chunk.count; ++i) {
              const float *row = *in + i * n;
              std::copy_n(row, n, values.begin());
              double square =
                  weightedSquareSum(values.data(), weights.data(), padded);
              double scale = std::sqrt(square / static_cast<double>(n));
              rowScales[chunk.stackRow + i] = scale;
              if (!(scale > 1e-30))
                continue;
              ++sums[c].rows;
              addScaledSquares(sums[c].columns.data(), row,
                               static_cast<float>(1.0 / scale), n);
            }
            return llvm::Error::success();
          }))
    return error;
  std::vector<double> columnSums(n);
  int64_t used = 0;
  for (const ChunkSums &chunk : sums) {
    used += chunk.rows;
    for (int64_t j = 0; j < n; ++j)
      columnSums[j] += chunk.columns[j];
  }
  for (int64_t j = 0; j < n; ++j)
    scales.columns[j] = static_cast<float>(std::sqrt(
        columnSums[j] / static_cast<double>(std::max<int64_t>(used, 1))));
  return llvm::Error::success();
}

llvm::Expected<StackScales> picollm::normalizeStack(const StackRows &rows) {
  constexpr int turns = 8;
  const WeightStack &stack = rows.stack();
  StackScales scales;
  scales.columns.assign(stack.columns, 1.0f);
  std::vector<double> rowScales(stack.rows());
  for (int turn = 0; turn < turns; ++turn) {
    if (llvm::Error error = scaleOnce(rows, scales, rowScales))
      return error;
    // Nearly empty columns would otherwise run away from turn to turn.
    for (float &scale : scales.columns)
      if (scale > 0)
        scale = std::clamp(scale, 0x1p-10f, 0x1p10f);
  }

  std::vector<double> positive;
  for (double scale : rowScales)
    if (scale > 1e-30)
      positive.push_back(scale);
  if (!positive.empty()) {
    auto middle = positive.begin() + positive.size() / 2;
    std::nth_element(positive.begin(), middle, positive.end());
    scales.unit = static_cast<float>(std::exp2(std::round(std::log2(*middle))));
  }
  int64_t i = 0;
  for (const StackPanel &panel : stack.panels)
    for (int64_t row = 0; row < panel.rows; ++row, ++i) {
      float scale = static_cast<float>(rowScales[i] / scales.unit);
      scales.rowHalves.push_back(floatToHalf(std::min(scale, maxHalf)));
      float stored = halfToFloat(scales.rowHalves.back()) * scales.unit;
      scales.inverseRows.push_back(stored > 0 ? 1.0f / stored : 0.0f);
      scales.lossWeights.push_back(
          (panel.rowWeights.empty() ? 1.0f : panel.rowWeights[row]) * stored *
          stored);
    }
  return scales;
}

void picollm::transposeRows(const float *rows, int64_t count, int64_t columns,
                            const float *inverseRows,
                            const std::vector<uint32_t> &order, float *out,
                            int64_t stride) {
  constexpr int64_t block = 16; // rows whose cache lines stay close
  parallelForTiles(count, block, [&](int64_t first, int64_t size) {
    for (int64_t k = 0; k < columns; ++k) {
      const float *in = rows + order[k];
      float *column = out + k * stride;
      for (int64_t i = first; i < first + size; ++i)
        column[i] = in[i * columns] * inverseRows[i];
    }
  });
}
