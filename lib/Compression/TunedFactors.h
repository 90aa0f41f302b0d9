//===- TunedFactors.h - factors that descend a gradient ---------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_TUNEDFACTORS_H
#define PICOLLM_LIB_COMPRESSION_TUNEDFACTORS_H

#include <cmath>
#include <cstdint>
#include <vector>

namespace picollm {

/// Positive factors exp(p), 1 at first, and the state of Adam (Kingma and Ba,
/// arXiv:1412.6980) for their logarithms p.
struct TunedFactors {
  explicit TunedFactors(size_t count = 0)
      : logarithms(count), gradient(count), mean(count), square(count) {}

  float operator[](size_t i) const { return std::exp(logarithms[i]); }

  /// Step `step` (1, 2, ..) along `gradient`, which is 0 afterwards.
  void descend(int64_t step, double rate) {
    const double meanDecay = 0.9, squareDecay = 0.99, least = 1e-8;
    const double meanShare = 1 - std::pow(meanDecay, double(step));
    const double squareShare = 1 - std::pow(squareDecay, double(step));
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double g = gradient[i];
      mean[i] = float(meanDecay * mean[i] + (1 - meanDecay) * g);
      square[i] = float(squareDecay * square[i] + (1 - squareDecay) * g * g);
      logarithms[i] -= float(rate * (mean[i] / meanShare) /
                             (std::sqrt(square[i] / squareShare) + least));
      gradient[i] = 0;
    }
  }

  /// Calls `call` with each vector that the next step goes on from.
  template <typename Call> bool forState(Call call) {
    return call(logarithms) && call(mean) && call(square);
  }

  std::vector<float> logarithms; ///< p
  std::vector<double> gradient;  ///< dL/dp, summed up by its user

private:
  std::vector<float> mean, square;
};

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_TUNEDFACTORS_H
