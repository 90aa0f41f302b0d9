//===- RefitScales.cpp - least-squares scales for fixed codes -------------===//
//
// With V the normalised weights and K what the codes mean, rows i of weight
// w_i, both in the order of feedback:
//   row factor     rho_i = (v_i H k_i) / (k_i H k_i)
//   column factors minimise sum_i w_i |v_i - rho_i K_i diag(d)|_H^2, hence
//                  (H o G^T G) d = diag-sums of w rho K o (V H),
//                  G = diag(sqrt(w) rho) K.
//
//===----------------------------------------------------------------------===//

#include "Cholesky.h"
#include "ColumnLoops.h"
#include "ErrorFeedback.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cblas.h>
#include <cmath>

using namespace picollm;

/// Rows and columns that one thread works on; fixed, as sums must not depend on
/// the threads.
static constexpr int64_t tile = 192;

void picollm::multiplyMoment(const FeedbackFactor &factor, const float *values,
                             int64_t stride, std::vector<float> &out) {
  int64_t n = factor.order.size();
  out.assign(n * stride, 0.0f);
  if (!factor.isDiagonal()) {
    parallelForTiles(n, tile, [&](int64_t k, int64_t count) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, stride, n,
                  1.0f, &factor.moment[k * n], n, values, stride, 0.0f,
                  &out[k * stride], stride);
    });
    return;
  }
  for (int64_t k = 0; k < n; ++k)
    for (int64_t i = 0; i < stride; ++i)
      out[k * stride + i] = factor.moment[k] * values[k * stride + i];
}

std::vector<float> picollm::fitRows(const FeedbackRows &quantized,
                                    const std::vector<float> &original,
                                    const std::vector<float> &momentQuantized) {
  int64_t stride = quantized.stride;
  std::vector<float> crossed(stride), squared(stride), factors(stride, 1.0f);
  for (size_t at = 0; at < original.size(); at += stride) {
    addProducts(crossed.data(), &original[at], &momentQuantized[at], stride);
    addProducts(squared.data(), &quantized.values[at], &momentQuantized[at],
                stride);
  }
  for (int64_t i = 0; i < stride; ++i) {
    float factor = crossed[i] / squared[i];
    // Outside, the row is mostly lost and its scale means little.
    if (factor > 0.5f && factor < 2.0f)
      factors[i] = factor;
  }
  return factors;
}

void picollm::refitColumnScales(FeedbackPlan &plan,
                                const FeedbackRows &quantized,
                                const std::vector<float> &original,
                                const std::vector<float> &rowFactors) {
  const FeedbackFactor &factor = *plan.factor;
  int64_t n = factor.order.size(), stride = quantized.stride;
  std::vector<float> momentOriginal, weighted(n * stride), rowWeights(stride);
  multiplyMoment(factor, original.data(), stride, momentOriginal);
  for (int64_t i = 0; i < stride; ++i)
    rowWeights[i] = std::sqrt(quantized.weights[i]) * rowFactors[i];
  for (int64_t k = 0; k < n; ++k)
    for (int64_t i = 0; i < stride; ++i)
      weighted[k * stride + i] = quantized.column(k)[i] * rowWeights[i];

  // sum_i w_i rho_i K_ik (V H)_ik; G carries sqrt(w) rho.
  std::vector<double> change(n);
  for (int64_t k = 0; k < n; ++k) {
    float *product = &momentOriginal[k * stride];
    for (int64_t i = 0; i < stride; ++i)
      product[i] *= std::sqrt(quantized.weights[i]);
    change[k] = dotProduct(&weighted[k * stride], product, stride);
  }
  if (factor.isDiagonal()) {
    for (int64_t k = 0; k < n; ++k) {
      const float *g = &weighted[k * stride];
      double square = double(factor.moment[k]) * dotProduct(g, g, stride);
      change[k] = square > 0 ? change[k] / square - 1.0 : 0.0;
    }
  } else {
    // Its lower triangle.
    std::vector<float> gram(n * n);
    parallelForTiles(n, tile, [&](int64_t k, int64_t count) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, k + count,
                  stride, 1.0f, &weighted[k * stride], stride, weighted.data(),
                  stride, 0.0f, &gram[k * n], n);
    });
    std::vector<double> system(n * n);
    double mean = 0;
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t l = 0; l < n; ++l) {
        system[k * n + l] = double(gram[std::max(k, l) * n + std::min(k, l)]) *
                            factor.moment[k * n + l];
        change[k] -= system[k * n + l]; // solve for d - 1
      }
      mean += system[k * n + k] / double(n);
    }
    // Holds columns at 1 that the rows say little about.
    for (int64_t k = 0; k < n; ++k)
      system[k * n + k] += 1e-3 * system[k * n + k] + 1e-4 * mean + 1e-30;
    if (!factorCholesky(system, n))
      return;
    for (CBLAS_TRANSPOSE side : {CblasNoTrans, CblasTrans})
      cblas_dtrsv(CblasRowMajor, CblasLower, side, CblasNonUnit, n,
                  system.data(), n, change.data(), 1);
  }
  for (int64_t k = 0; k < n; ++k)
    if (std::isfinite(change[k])) {
      float scale = plan.columnScales[k] *
                    static_cast<float>(1.0 + std::clamp(change[k], -0.5, 1.0));
      plan.columnScales[k] = halfToFloat(floatToHalf(std::min(scale, maxHalf)));
    }
}
