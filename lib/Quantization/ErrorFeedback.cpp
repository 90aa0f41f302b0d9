//===- ErrorFeedback.cpp - rounds columns, spreads their errors -----------===//

#include "ErrorFeedback.h"
#include "ColumnLoops.h"
#include "StepSearch.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cblas.h>
#include <cmath>

using namespace picollm;

/// Columns whose errors are gathered before they go to the later ones of the
/// span by one matrix product.
static constexpr int64_t feedbackBlock = 64;
/// Columns whose errors go to all after them by one matrix product. The rows of
/// wide matrices exceed every cache, and this is how often they are read.
static constexpr int64_t feedbackSpan = 512;
/// Later columns that one thread changes; fixed, as sums must not depend on the
/// threads.
static constexpr int64_t laterTile = 256;

static bool hasLevels(int64_t bits) { return bits >= 1 && bits <= 8; }

/// c rounded as it is stored.
static float storedScale(float c) {
  return halfToFloat(floatToHalf(std::clamp(c, -maxHalf, maxHalf)));
}

namespace {

/// Weighted error of one column of the rows as a function of c_j.
class ColumnSearch {
public:
  ColumnSearch(const FeedbackPlan &plan, const FeedbackRows &rows, int64_t k)
      : plan(plan), rows(rows), place(k) {}

  /// c_j of least error; 0 where the column is zeros.
  float search() {
    double squares = 0, weights = 0;
    float enclosing = 0, largest = 0;
    for (const RowSlice &slice : rows.slices) {
      const float *x = rows.column(place) + slice.begin;
      const float *w = rows.weights.data() + slice.begin;
      float magnitude = largestMagnitude(x, slice.count);
      largest = std::max(largest, magnitude);
      int64_t bits = plan.bits[slice.panel][place];
      if (!hasLevels(bits))
        continue;
      squares += weightedSquareSum(x, w, slice.count);
      for (int64_t i = 0; i < slice.count; ++i)
        weights += w[i];
      float reach = plan.segmentScales[slice.panel][place] *
                    static_cast<float>(topLevel(bits));
      enclosing = std::max(enclosing, magnitude / reach);
    }
    if (enclosing == 0) // only width 0 and 16, or zeros
      return storedScale(largest);
    tryScale(enclosing, estimatedRoundingError);
    if (weights > 0) {
      float deviation = static_cast<float>(std::sqrt(squares / weights));
      for (float multiple : stepMultiples)
        tryScale(deviation * multiple, estimatedRoundingError);
    }
    const float estimated = best;
    leastError = INFINITY;
    tryScale(estimated, weightedRoundingError);
    for (float around : {0.93f, 1.07f, 0.97f, 1.03f})
      tryScale(best * around, weightedRoundingError);
    return best;
  }

private:
  void tryScale(float c, decltype(weightedRoundingError) &errorOf) {
    c = storedScale(c);
    if (c < minNormalHalf)
      return;
    double error = 0;
    for (const RowSlice &slice : rows.slices) {
      int64_t bits = plan.bits[slice.panel][place];
      if (hasLevels(bits))
        error += errorOf(rows.column(place) + slice.begin,
                         rows.weights.data() + slice.begin, slice.count,
                         c * plan.segmentScales[slice.panel][place], bits);
    }
    if (error < leastError) {
      leastError = error;
      best = c;
    }
  }

  const FeedbackPlan &plan;
  const FeedbackRows &rows;
  int64_t place;
  float best = 0;
  double leastError = INFINITY;
};

} // namespace

static void roundToHalves(const float *x, int64_t n, float s, uint16_t *codes,
                          float *values) {
  for (int64_t i = 0; i < n; ++i) {
    codes[i] = s > 0 ? floatToHalf(std::clamp(x[i] / s, -maxHalf, maxHalf)) : 0;
    values[i] = s * halfToFloat(codes[i]);
  }
}

void picollm::roundSlice(const FeedbackPlan &plan, const RowSlice &slice,
                         int64_t k, const float *x, const float *weights,
                         uint16_t *codes, float *values) {
  int64_t bits = plan.bits[slice.panel][k];
  float s = plan.columnScales[k] * plan.segmentScales[slice.panel][k];
  if (bits == 16) {
    roundToHalves(x, slice.count, s, codes, values);
  } else if (bits > 0 && s > minUsableStep) {
    roundColumn(x, weights, slice.count, s, bits, codes, values);
  } else {
    std::fill_n(codes, slice.count, 0);
    std::fill_n(values, slice.count, 0.0f);
  }
}

FeedbackRows picollm::makeFeedbackRows(const RowChunk &chunk, const float *rows,
                                       int64_t columns,
                                       const std::vector<uint32_t> &order,
                                       const float *inverseRows,
                                       const float *weights) {
  FeedbackRows part;
  part.stride = paddedCount(chunk.count);
  part.slices.push_back({chunk.panel, 0, part.stride});
  part.values.assign(columns * part.stride, 0.0f);
  part.weights.assign(part.stride, 0.0f);
  std::copy_n(weights, chunk.count, part.weights.begin());
  transposeRows(rows, chunk.count, columns, inverseRows, order,
                part.values.data(), part.stride);
  return part;
}

/// Takes what the errors of columns [begin, end), [end - begin][stride], do to
/// columns [end, last) off these.
static void subtractErrors(const FeedbackFactor &factor, FeedbackRows &rows,
                           const float *errors, int64_t begin, int64_t end,
                           int64_t last) {
  const int64_t n = factor.order.size();
  parallelForTiles(last - end, laterTile, [&](int64_t first, int64_t count) {
    const int64_t later = end + first;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, count, rows.stride,
                end - begin, -1.0f, &factor.upper[begin * n + later], n, errors,
                rows.stride, 1.0f, rows.column(later), rows.stride);
  });
}

void picollm::spreadErrors(
    const FeedbackFactor &factor, int64_t block, FeedbackRows &rows,
    llvm::function_ref<void(int64_t begin, int64_t end)> startBlock,
    llvm::function_ref<void(int64_t k, float *values)> round,
    std::vector<double> &losses) {
  const int64_t n = factor.order.size(), stride = rows.stride;
  const int64_t span = llvm::alignTo(feedbackSpan, block);
  std::vector<float> errors(std::min(n, span) * stride), values(stride);
  auto quantizeBlock = [&](int64_t begin, int64_t end, float *error) {
    startBlock(begin, end);
    for (int64_t k = begin; k < end; ++k, error += stride) {
      round(k, values.data());
      float *x = rows.column(k);
      float pivot = std::sqrt(factor.lossWeights[k]); // 1 / U_kk
      for (int64_t i = 0; i < stride; ++i)
        error[i] = (x[i] - values[i]) * pivot;
      for (const RowSlice &slice : rows.slices)
        losses[slice.panel] +=
            weightedSquareSum(error + slice.begin,
                              rows.weights.data() + slice.begin, slice.count);
      std::copy(values.begin(), values.end(), x);
      if (!factor.isDiagonal())
        for (int64_t later = k + 1; later < end; ++later)
          subtractScaled(rows.column(later), error, factor.upper[k * n + later],
                         stride);
    }
  };
  for (int64_t first = 0; first < n; first += span) {
    const int64_t last = std::min(n, first + span);
    for (int64_t begin = first; begin < last; begin += block) {
      const int64_t end = std::min(last, begin + block);
      float *error = &errors[(begin - first) * stride];
      quantizeBlock(begin, end, error);
      if (!factor.isDiagonal())
        subtractErrors(factor, rows, error, begin, end, last);
    }
    if (!factor.isDiagonal())
      subtractErrors(factor, rows, errors.data(), first, last, n);
  }
}

void picollm::runErrorFeedback(FeedbackPlan &plan, bool chooseScales,
                               FeedbackRows &rows, std::vector<uint16_t> &codes,
                               std::vector<double> &losses) {
  codes.resize(plan.factor->order.size() * rows.stride);
  spreadErrors(
      *plan.factor, feedbackBlock, rows, [](int64_t, int64_t) {},
      [&](int64_t k, float *values) {
        if (chooseScales)
          plan.columnScales[k] = ColumnSearch(plan, rows, k).search();
        for (const RowSlice &slice : rows.slices)
          roundSlice(plan, slice, k, rows.column(k) + slice.begin,
                     rows.weights.data() + slice.begin,
                     &codes[k * rows.stride + slice.begin],
                     values + slice.begin);
      },
      losses);
}

void picollm::fitSegmentScales(FeedbackPlan &plan, const FeedbackRows &rows) {
  int64_t n = plan.factor->order.size();
  std::vector<float> deviations(n);
  double weights = 0;
  for (float weight : rows.weights)
    weights += weight;
  if (!(weights > 0))
    return;
  for (int64_t k = 0; k < n; ++k)
    deviations[k] = static_cast<float>(std::sqrt(
        weightedSquareSum(rows.column(k), rows.weights.data(), rows.stride) /
        weights));
  for (const RowSlice &slice : rows.slices)
    for (int64_t bits = 1; bits <= 8; ++bits) {
      double leastError = INFINITY;
      float best = gaussianStep(bits);
      for (float multiple :
           {0.4f, 0.55f, 0.7f, 0.85f, 1.0f, 1.2f, 1.5f, 2.0f, 2.8f}) {
        double error = 0;
        float scale = gaussianStep(bits) * multiple;
        for (int64_t k = 0; k < n; ++k)
          if (plan.bits[slice.panel][k] == bits &&
              deviations[k] * scale > minUsableStep)
            error += double(plan.factor->lossWeights[k]) *
                     estimatedRoundingError(rows.column(k) + slice.begin,
                                            rows.weights.data() + slice.begin,
                                            slice.count, deviations[k] * scale,
                                            bits);
        if (error < leastError) {
          leastError = error;
          best = scale;
        }
      }
      for (int64_t k = 0; k < n; ++k)
        if (plan.bits[slice.panel][k] == bits)
          plan.segmentScales[slice.panel][k] = best;
    }
}
