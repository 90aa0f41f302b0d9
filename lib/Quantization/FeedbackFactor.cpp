//===- FeedbackFactor.cpp - how errors spread over later columns ----------===//

#include "FeedbackFactor.h"
#include "Cholesky.h"
#include "picollm/Support/Blas.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

using namespace picollm;

/// H in the order of feedback, as the caller's matrix or diagonal.
static std::vector<float> permuteMoment(const std::vector<float> &moment,
                                        const std::vector<uint32_t> &order,
                                        bool diagonal) {
  size_t n = order.size();
  std::vector<float> permuted(moment.size());
  for (size_t k = 0; k < n; ++k)
    if (diagonal)
      permuted[k] = moment[order[k]];
    else
      for (size_t l = 0; l < n; ++l)
        permuted[k * n + l] = moment[order[k] * n + order[l]];
  return permuted;
}

/// Runs of `run` columns by falling sum of `squares`; a shorter one comes last.
static std::vector<uint32_t> orderRuns(const std::vector<float> &squares,
                                       int64_t run) {
  const int64_t n = squares.size(), whole = n / run;
  std::vector<double> sums(whole);
  for (int64_t j = 0; j < whole * run; ++j)
    sums[j / run] += squares[j];
  std::vector<int64_t> runs(whole);
  std::iota(runs.begin(), runs.end(), 0);
  std::sort(runs.begin(), runs.end(), [&](int64_t a, int64_t b) {
    return sums[a] != sums[b] ? sums[a] > sums[b] : a < b;
  });
  if (n % run)
    runs.push_back(whole);
  std::vector<uint32_t> order;
  for (int64_t r : runs)
    for (int64_t j = r * run; j < std::min(n, (r + 1) * run); ++j)
      order.push_back(uint32_t(j));
  return order;
}

llvm::Expected<FeedbackFactor>
picollm::factorMoment(const WeightStack &stack,
                      const InputStatistics &statistics, double damping,
                      bool onlyLossWeights, FeedbackBlocks blocks) {
  prepareBlas(); // also for what uses the factor
  if (llvm::Error error = statistics.check(stack))
    return error;
  size_t n = stack.columns;
  bool diagonal = statistics.isDiagonal(n);
  auto meanSquare = [&](size_t j) { return statistics.meanSquare(j, n); };
  std::vector<float> squares(n);
  double mean = 0;
  for (size_t j = 0; j < n; ++j) {
    squares[j] = meanSquare(j);
    mean += squares[j] / static_cast<double>(n);
  }
  FeedbackFactor factor;
  factor.order = orderRuns(squares, blocks.run);
  // An input that is always zero: any positive number serves.
  if (!(mean > 0))
    mean = 1e-6;
  std::vector<float> permuted =
      permuteMoment(statistics.moment, factor.order, diagonal);
  factor.lossWeights.resize(n);
  factor.damping = damping * mean;
  if (diagonal) {
    for (size_t k = 0; k < n; ++k) {
      permuted[k] += static_cast<float>(0.1 * factor.damping);
      factor.lossWeights[k] =
          static_cast<float>(meanSquare(factor.order[k]) + factor.damping);
    }
    if (!onlyLossWeights)
      factor.moment = std::move(permuted);
    return factor;
  }

  // With J the reversal: J H J = L L^T gives H = R R^T for the upper R = J L J,
  // so U = R^-1 = J L^-1 J.
  std::vector<double> lower(n * n);
  bool isFactored = false;
  for (int attempt = 0; attempt < 6 && !isFactored; ++attempt) {
    if (attempt > 0)
      factor.damping *= 10;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j <= i; ++j)
        lower[i * n + j] = permuted[(n - 1 - i) * n + (n - 1 - j)];
    for (size_t i = 0; i < n; ++i)
      lower[i * n + i] += factor.damping;
    isFactored = factorCholesky(lower, n);
  }
  if (!isFactored)
    return llvm::createStringError(
        "%s: second moment of the input is not positive definite; calibrate "
        "on more text",
        stack.name.c_str());
  for (size_t k = 0; k < n; ++k) {
    const size_t end = std::min<size_t>(n, llvm::alignTo(k + 1, blocks.block));
    const double *row = &lower[(n - 1 - k) * n];
    double sum = 0;
    for (size_t l = k; l < end; ++l)
      sum += row[n - 1 - l] * row[n - 1 - l];
    factor.lossWeights[k] = static_cast<float>(sum);
  }
  if (onlyLossWeights)
    return factor;
  factor.upper.resize(n * n);
  invertLower(lower, n,
              [&](int64_t first, int64_t count, const double *columns) {
                for (int64_t row = first; row < int64_t(n); ++row)
                  for (int64_t c = 0; c < std::min(count, row - first + 1); ++c)
                    factor.upper[(n - 1 - row) * n + (n - 1 - first - c)] =
                        static_cast<float>(columns[(row - first) * count + c]);
              });
  for (size_t k = 0; k < n; ++k)
    permuted[k * n + k] += static_cast<float>(0.1 * factor.damping);
  factor.moment = std::move(permuted);
  return factor;
}
