//===- DriftCorrection.cpp - weights that make good for drift -------------===//

#include "DriftCorrection.h"
#include "Cholesky.h"
#include "FeedbackFactor.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <memory>
#include <numeric>

using namespace picollm;

/// Rows that one thread works on; fixed, as sums must not depend on threads.
static constexpr int64_t tile = 64;

namespace {

/// Multiplies by (H + damping)^-1 from the right.
class InverseMoment {
public:
  static llvm::Expected<InverseMoment> create(const WeightStack &stack,
                                              const std::vector<float> &moment,
                                              double damping);

  /// `rows` x columns, in place.
  void apply(float *values, int64_t rows) const;

private:
  int64_t columns = 0;
  std::vector<double> factor; ///< of Cholesky
};

} // namespace

llvm::Expected<InverseMoment>
InverseMoment::create(const WeightStack &stack,
                      const std::vector<float> &moment, double damping) {
  InverseMoment inverse;
  inverse.columns = stack.columns;
  inverse.factor.assign(moment.begin(), moment.end());
  const size_t n = stack.columns;
  double mean = 0;
  for (size_t j = 0; j < n; ++j)
    mean += inverse.factor[j * n + j] / double(n);
  // An input that is always zero: any positive number serves.
  if (!(mean > 0))
    mean = 1e-6;
  for (size_t j = 0; j < n; ++j)
    inverse.factor[j * n + j] += damping * mean;
  if (!factorCholesky(inverse.factor, n))
    return llvm::createStringError(
        "%s: second moment of the input is not positive definite; calibrate "
        "on more text",
        stack.name.c_str());
  return inverse;
}

void InverseMoment::apply(float *values, int64_t rows) const {
  std::vector<double> part(values, values + rows * columns);
  for (CBLAS_TRANSPOSE side : {CblasTrans, CblasNoTrans})
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, side, CblasNonUnit, rows,
                columns, 1.0, factor.data(), columns, part.data(), columns);
  std::copy(part.begin(), part.end(), values);
}

namespace {

/// Drift as some of the texts have it: C of the input and R of residual sums.
struct DriftSample {
  const std::vector<float> *moment = nullptr, *drift = nullptr;
  std::vector<const std::vector<float> *> residuals; ///< by panel
  std::vector<float> ofInput;                        ///< C H^-1
  /// (W C + R) H^-1 of the panels for which that is less work.
  std::vector<std::vector<float>> ofRows;
};

/// What the texts that are not in the half say, of means over all and over it.
std::vector<float> otherHalf(const std::vector<float> &all,
                             const std::vector<float> &half, double share) {
  std::vector<float> other(all.size());
  for (size_t i = 0; i < other.size(); ++i)
    other[i] =
        float((all[i] - share * (half.empty() ? 0.0f : half[i])) / (1 - share));
  return other;
}

class DriftCorrector {
public:
  DriftCorrector(const WeightStack &stack, const InputStatistics &statistics,
                 const QuantizationOptions &options)
      : stack(stack), statistics(statistics), options(options),
        columns(stack.columns) {}

  llvm::Expected<WeightStack> run();

private:
  llvm::Error prepare();
  llvm::Error solve(DriftSample &sample) const;
  /// Whether the inverse is applied to the rows of a panel, which residuals
  /// have, instead of to those of C.
  bool solvesRows(size_t panel) const {
    return !all.residuals[panel]->empty() || stack.panels[panel].rows < columns;
  }
  /// Rows [row, row + count) of W `ofInput` + `ofResidual`.
  std::vector<float> rowsOf(const std::vector<float> &ofInput,
                            const std::vector<float> &ofResidual, size_t panel,
                            int64_t row, int64_t count) const;
  std::vector<float> targets(const DriftSample &sample, size_t panel,
                             int64_t row, int64_t count) const {
    return rowsOf(*sample.drift, *sample.residuals[panel], panel, row, count);
  }
  std::vector<float> answers(const DriftSample &sample, size_t panel,
                             int64_t row, int64_t count) const {
    if (!solvesRows(panel))
      return rowsOf(sample.ofInput, {}, panel, row, count);
    const float *rows = &sample.ofRows[panel][row * columns];
    return std::vector<float>(rows, rows + count * columns);
  }
  double shareOf(size_t panel) const;
  void correct(size_t panel);

  const WeightStack &stack;
  const InputStatistics &statistics;
  const QuantizationOptions &options;
  int64_t columns;
  std::vector<float> otherMoment, otherDrift;
  std::vector<std::vector<float>> otherResiduals;
  DriftSample all, half, other;
  std::vector<std::vector<float>> weights; ///< by panel
};

} // namespace

llvm::Error DriftCorrector::prepare() {
  const InputHalf &part = statistics.half;
  otherMoment = otherHalf(statistics.moment, part.moment, part.share);
  otherDrift = otherHalf(statistics.drift, part.drift, part.share);
  all.moment = &statistics.moment, all.drift = &statistics.drift;
  half.moment = &part.moment, half.drift = &part.drift;
  other.moment = &otherMoment, other.drift = &otherDrift;
  for (const StackPanel &panel : stack.panels)
    otherResiduals.push_back(
        otherHalf(panel.residualDrift, panel.residualDriftOfHalf, part.share));
  for (auto [p, panel] : llvm::enumerate(stack.panels)) {
    all.residuals.push_back(&panel.residualDrift);
    half.residuals.push_back(&panel.residualDriftOfHalf);
    other.residuals.push_back(&otherResiduals[p]);
    weights.emplace_back(panel.rows * columns);
    if (llvm::Error error =
            stack.readRows(p, 0, panel.rows, weights.back().data()))
      return error;
  }
  for (DriftSample *sample : {&all, &half, &other})
    if (llvm::Error error = solve(*sample))
      return error;
  return llvm::Error::success();
}

llvm::Error DriftCorrector::solve(DriftSample &sample) const {
  auto inverse =
      InverseMoment::create(stack, *sample.moment, options.driftDamping);
  if (!inverse)
    return inverse.takeError();
  sample.ofRows.resize(stack.panels.size());
  bool solvesInput = false;
  for (size_t p = 0; p < stack.panels.size(); ++p) {
    if (!solvesRows(p)) {
      solvesInput = true;
      continue;
    }
    std::vector<float> &rows = sample.ofRows[p];
    rows.resize(stack.panels[p].rows * columns);
    parallelForTiles(
        stack.panels[p].rows, tile, [&](int64_t row, int64_t count) {
          const std::vector<float> part = targets(sample, p, row, count);
          std::copy(part.begin(), part.end(), &rows[row * columns]);
          inverse->apply(&rows[row * columns], count);
        });
  }
  if (!solvesInput)
    return llvm::Error::success();
  sample.ofInput = *sample.drift;
  parallelForTiles(columns, tile, [&](int64_t row, int64_t count) {
    inverse->apply(&sample.ofInput[row * columns], count);
  });
  return llvm::Error::success();
}

std::vector<float> DriftCorrector::rowsOf(const std::vector<float> &ofInput,
                                          const std::vector<float> &ofResidual,
                                          size_t panel, int64_t row,
                                          int64_t count) const {
  const int64_t at = row * columns;
  std::vector<float> result(count * columns);
  if (!ofResidual.empty())
    std::copy_n(&ofResidual[at], result.size(), result.begin());
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, columns,
              columns, 1.0f, &weights[panel][at], columns, ofInput.data(),
              columns, 1.0f, result.data(), columns);
  return result;
}

/// With D the answer to one half of the texts, T and H of the other: the share
/// s of D that is best there minimises s^2 D H D^T - 2 s D T^T. An answer to
/// all of the texts has half the variance, and so s' = 2 s / (1 + s).
double DriftCorrector::shareOf(size_t panel) const {
  const StackPanel &of = stack.panels[panel];
  const int64_t tiles = (of.rows + tile - 1) / tile;
  std::vector<double> confirmed(tiles), squared(tiles);
  parallelForTiles(of.rows, tile, [&](int64_t row, int64_t count) {
    const int64_t i = row / tile;
    for (auto [fit, judge] : {std::pair(&half, &other), {&other, &half}}) {
      const std::vector<float> d = answers(*fit, panel, row, count),
                               t = targets(*judge, panel, row, count);
      std::vector<float> dH(d.size());
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, columns,
                  columns, 1.0f, d.data(), columns, judge->moment->data(),
                  columns, 0.0f, dH.data(), columns);
      for (int64_t k = 0; k < count; ++k) {
        const double f = of.rowWeights.empty() ? 1.0 : of.rowWeights[row + k];
        double dT = 0, dHd = 0;
        for (int64_t j = k * columns; j < (k + 1) * columns; ++j) {
          dT += double(d[j]) * t[j];
          dHd += double(d[j]) * dH[j];
        }
        confirmed[i] += f * dT;
        squared[i] += f * dHd;
      }
    }
  });
  const double dT = std::accumulate(confirmed.begin(), confirmed.end(), 0.0);
  const double dHd = std::accumulate(squared.begin(), squared.end(), 0.0);
  const double share = dHd > 0 ? std::clamp(dT / dHd, 0.0, 1.0) : 0.0;
  return 2 * share / (1 + share);
}

void DriftCorrector::correct(size_t panel) {
  const int64_t rows = stack.panels[panel].rows;
  const float share = float(shareOf(panel));
  parallelForTiles(rows, tile, [&](int64_t row, int64_t count) {
    const std::vector<float> d = answers(all, panel, row, count);
    for (size_t k = 0; k < d.size(); ++k)
      weights[panel][row * columns + k] += share * d[k];
  });
}

llvm::Expected<WeightStack> DriftCorrector::run() {
  if (llvm::Error error = prepare())
    return std::move(error);
  for (size_t p = 0; p < stack.panels.size(); ++p)
    correct(p);
  WeightStack result = stack;
  result.readRows = [corrected =
                         std::make_shared<std::vector<std::vector<float>>>(
                             std::move(weights)),
                     columns = columns](size_t panel, int64_t row,
                                        int64_t count, float *out) {
    std::copy_n(&(*corrected)[panel][row * columns], count * columns, out);
    return llvm::Error::success();
  };
  return result;
}

llvm::Expected<WeightStack>
picollm::correctDrift(const WeightStack &stack,
                      const InputStatistics &statistics,
                      const QuantizationOptions &options) {
  if (llvm::Error error = stack.check())
    return std::move(error);
  if (llvm::Error error = statistics.check(stack))
    return std::move(error);
  if (!(statistics.half.share > 0 && statistics.half.share < 1))
    return stack;
  return DriftCorrector(stack, statistics, options).run();
}
