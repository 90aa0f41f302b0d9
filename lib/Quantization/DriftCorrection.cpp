//===- DriftCorrection.cpp - weights that make good for drift -------------===//

#include "DriftCorrection.h"
#include "FeedbackFactor.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cblas.h>
#include <memory>

using namespace picollm;

extern "C" {
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda,
             int *info);
void dpotrs_(const char *uplo, const int *n, const int *rhs, const double *a,
             const int *lda, double *b, const int *ldb, int *info);
}

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
  int columns = 0;
  std::vector<double> factor; ///< of Cholesky
};

} // namespace

llvm::Expected<InverseMoment>
InverseMoment::create(const WeightStack &stack,
                      const std::vector<float> &moment, double damping) {
  useOneBlasThread();
  InverseMoment inverse;
  inverse.columns = int(stack.columns);
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
  int info = 0;
  dpotrf_("L", &inverse.columns, inverse.factor.data(), &inverse.columns,
          &info);
  if (info != 0)
    return llvm::createStringError(
        "%s: second moment of the input is not positive definite; calibrate "
        "on more text",
        stack.name.c_str());
  return inverse;
}

void InverseMoment::apply(float *values, int64_t rows) const {
  parallelFor((rows + tile - 1) / tile, [&](int64_t i) {
    int count = int(std::min(tile, rows - i * tile)), info = 0;
    float *at = values + i * tile * columns;
    // A row of ours is a column of LAPACK's.
    std::vector<double> part(at, at + int64_t(count) * columns);
    dpotrs_("L", &columns, &count, factor.data(), &columns, part.data(),
            &columns, &info);
    std::copy(part.begin(), part.end(), at);
  });
}

llvm::Expected<WeightStack>
picollm::correctDrift(const WeightStack &stack,
                      const InputStatistics &statistics,
                      const QuantizationOptions &options) {
  if (llvm::Error error = stack.check())
    return std::move(error);
  if (llvm::Error error = statistics.check(stack))
    return std::move(error);
  const int64_t columns = stack.columns;
  const float share = float(options.driftShare);
  auto inverse =
      InverseMoment::create(stack, statistics.moment, options.driftDamping);
  if (!inverse)
    return inverse.takeError();
  std::vector<float> ofInput = statistics.drift;
  inverse->apply(ofInput.data(), columns);
  auto corrected = std::make_shared<std::vector<std::vector<float>>>();
  for (size_t p = 0; p < stack.panels.size(); ++p) {
    const StackPanel &panel = stack.panels[p];
    std::vector<float> weights(panel.rows * columns);
    if (llvm::Error error = stack.readRows(p, 0, panel.rows, weights.data()))
      return std::move(error);
    std::vector<float> sum = panel.residualDrift;
    sum.resize(weights.size());
    inverse->apply(sum.data(), panel.rows);
    parallelFor((panel.rows + tile - 1) / tile, [&](int64_t i) {
      const int64_t at = i * tile * columns;
      const int64_t count = std::min(tile, panel.rows - i * tile);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, columns,
                  columns, share, &weights[at], columns, ofInput.data(),
                  columns, share, &sum[at], columns);
      for (int64_t k = at; k < at + count * columns; ++k)
        sum[k] += weights[k];
    });
    corrected->push_back(std::move(sum));
  }
  WeightStack result = stack;
  result.readRows = [corrected, columns](size_t panel, int64_t row,
                                         int64_t count, float *out) {
    std::copy_n(&(*corrected)[panel][row * columns], count * columns, out);
    return llvm::Error::success();
  };
  return result;
}
