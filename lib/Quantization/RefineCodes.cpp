//===- RefineCodes.cpp - codes by coordinate descent ----------------------===//
//
// Error feedback decides each column once, before those that follow it. With
// E = V - K, what is left, the loss e H e of a row as a function of one code
// alone is a parabola around k_k + (H e)_k / H_kk: each column in turn goes to
// the levels nearest to these points (Behdin et al., QuantEase,
// arXiv:2309.01885).
//
//===----------------------------------------------------------------------===//

#include "ColumnLoops.h"
#include "ErrorFeedback.h"
#include <algorithm>
#include <cblas.h>

using namespace picollm;

/// Columns whose changes go to the others by one matrix product.
static constexpr int64_t refinementBlock = 64;

namespace {

/// One slice-padded set of rows between sweeps.
class CodeRefinement {
public:
  CodeRefinement(const FeedbackPlan &plan, const std::vector<float> &original,
                 FeedbackRows &rows, std::vector<uint16_t> &codes);
  void sweep();

private:
  /// Rounds column k again; `change` gets what is added to its values.
  void refineColumn(int64_t k, float *change);

  const FeedbackPlan &plan;
  const FeedbackFactor &factor;
  FeedbackRows &rows;
  std::vector<uint16_t> &codes;
  int64_t columns, stride;
  std::vector<float> pull; ///< H E, [place][stride]
  std::vector<float> target, values;
};

} // namespace

CodeRefinement::CodeRefinement(const FeedbackPlan &plan,
                               const std::vector<float> &original,
                               FeedbackRows &rows, std::vector<uint16_t> &codes)
    : plan(plan), factor(*plan.factor), rows(rows), codes(codes),
      columns(factor.order.size()), stride(rows.stride), target(stride),
      values(stride) {
  std::vector<float> error(original);
  for (size_t i = 0; i < error.size(); ++i)
    error[i] -= rows.values[i];
  multiplyMoment(factor, error.data(), stride, pull);
}

void CodeRefinement::refineColumn(int64_t k, float *change) {
  const float inverse = 1 / factor.moment[k * columns + k];
  float *x = rows.column(k);
  const float *p = &pull[k * stride];
  for (int64_t i = 0; i < stride; ++i)
    target[i] = x[i] + p[i] * inverse;
  for (const RowSlice &slice : rows.slices)
    roundSlice(plan, slice, k, &target[slice.begin], &rows.weights[slice.begin],
               &codes[k * stride + slice.begin], &values[slice.begin]);
  for (int64_t i = 0; i < stride; ++i)
    change[i] = values[i] - x[i];
  std::copy(values.begin(), values.end(), x);
}

void CodeRefinement::sweep() {
  std::vector<float> changes(refinementBlock * stride);
  for (int64_t begin = 0; begin < columns; begin += refinementBlock) {
    const int64_t end = std::min(columns, begin + refinementBlock);
    for (int64_t k = begin; k < end; ++k) {
      float *change = &changes[(k - begin) * stride];
      refineColumn(k, change);
      for (int64_t other = begin; other < end; ++other)
        subtractScaled(&pull[other * stride], change,
                       factor.moment[k * columns + other], stride);
    }
    auto subtract = [&](int64_t first, int64_t last) {
      if (first < last)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, last - first,
                    stride, end - begin, -1.0f,
                    &factor.moment[begin * columns + first], columns,
                    changes.data(), stride, 1.0f, &pull[first * stride],
                    stride);
    };
    subtract(0, begin);
    subtract(end, columns);
  }
}

void picollm::refineCodes(const FeedbackPlan &plan,
                          const std::vector<float> &original,
                          FeedbackRows &rows, std::vector<uint16_t> &codes,
                          int64_t sweeps) {
  if (plan.factor->isDiagonal() || sweeps <= 0)
    return;
  CodeRefinement refinement(plan, original, rows, codes);
  for (int64_t i = 0; i < sweeps; ++i)
    refinement.sweep();
}
