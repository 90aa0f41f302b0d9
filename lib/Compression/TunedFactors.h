//===- TunedFactors.h - factors that descend a gradient ---------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_TUNEDFACTORS_H
#define PICOLLM_LIB_COMPRESSION_TUNEDFACTORS_H

#include <cmath>
#include <cstdint>
#include <vector>

namespace picollm {

/// Positive factors exp(p), 1 at first, and the state of Adam (Kingma and Ba,
/// arXiv:1412.6980) for their logarithms p. Each step of Adam is a mean
/// gradient in units of its deviation; of that goes only what noise does not
/// explain, by the positive part of James and Stein: most factors of a model
/// have gradients that are nothing but the noise of the few tokens of a step,
/// and a walk at random costs more than the others gain.
struct TunedFactors {
  explicit TunedFactors(size_t count = 0)
      : logarithms(count), gradient(count), mean(count), square(count) {}

  float operator[](size_t i) const { return std::exp(logarithms[i]); }

  /// Step `step` (1, 2, ..) along `gradient`, which is 0 afterwards.
  void descend(int64_t step, double rate) {
    const double meanDecay = 0.9, squareDecay = 0.99, least = 1e-8;
    const double meanShare = 1 - std::pow(meanDecay, double(step));
    const double squareShare = 1 - std::pow(squareDecay, double(step));
    // The variance of a mean of independent gradients of variance 1.
    const double forgotten = std::pow(meanDecay, double(step));
    const double noise =
        (1 - meanDecay) / (1 + meanDecay) * (1 + forgotten) / (1 - forgotten);
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double g = gradient[i];
      mean[i] = float(meanDecay * mean[i] + (1 - meanDecay) * g);
      square[i] = float(squareDecay * square[i] + (1 - squareDecay) * g * g);
      const double size =
          (mean[i] / meanShare) / (std::sqrt(square[i] / squareShare) + least);
      if (size * size > noise)
        logarithms[i] -= float(rate * size * (1 - noise / (size * size)));
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
