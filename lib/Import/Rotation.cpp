//===- Rotation.cpp - angles of rotary embeddings -------------------------===//
//
// Su et al., RoFormer (arXiv 2104.09864), and for long contexts Peng et al.,
// YaRN (arXiv 2309.00071), section 3.
//
//===----------------------------------------------------------------------===//

#include "Rotation.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

/// The pair (as a real number) that turns `rotations` times over the original
/// context.
static double pairOfRotations(const RotaryDescription &rotary,
                              double rotations) {
  const double pi = 3.14159265358979323846;
  double wavelength = double(rotary.originalContext) / (rotations * 2 * pi);
  return double(rotary.dimensions) * std::log(wavelength) /
         (2 * std::log(rotary.base));
}

std::vector<double> picollm::rotaryFrequencies(const RotaryDescription &rotary,
                                               llvm::ArrayRef<float> factors) {
  int64_t pairs = rotary.dimensions / 2;
  // YaRN: fast pairs (up to `low`) stay, slow ones (from `high`) are stretched
  // by the factor, those between are mixed.
  double low = 0, high = 0;
  if (rotary.scaling == RotaryScaling::YaRN) {
    low = std::max(0.0, std::floor(pairOfRotations(rotary, rotary.betaFast)));
    high = std::min(double(rotary.dimensions - 1),
                    std::ceil(pairOfRotations(rotary, rotary.betaSlow)));
  }
  std::vector<double> frequencies(pairs);
  for (int64_t i = 0; i < pairs; ++i) {
    double frequency =
        std::pow(rotary.base, -2.0 * double(i) / double(rotary.dimensions));
    if (!factors.empty())
      frequency /= double(factors[i]);
    double stretched = 1;
    if (rotary.scaling == RotaryScaling::YaRN)
      stretched =
          std::clamp((double(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    if (rotary.scaling != RotaryScaling::None)
      frequency *= stretched / rotary.factor + (1 - stretched);
    frequencies[i] = frequency;
  }
  return frequencies;
}

double picollm::rotaryScale(const RotaryDescription &rotary) {
  if (rotary.scaling != RotaryScaling::YaRN)
    return rotary.attentionFactor;
  return rotary.attentionFactor * (0.1 * std::log(rotary.factor) + 1);
}
