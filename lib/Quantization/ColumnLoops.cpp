//===- ColumnLoops.cpp - hot loops over one column of weights -------------===//

#include "ColumnLoops.h"
#include "FilteredRounding.h"
#include "StepSearch.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Support/Clones.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

/// Adds to a value below 2^22 so that its fraction is rounded away.
static constexpr float roundingOffset = 12582912.0f;

static inline float sumOfLanes(float *lanes) {
  for (int64_t width = laneCount / 2; width; width /= 2)
    for (int64_t l = 0; l < width; ++l)
      lanes[l] += lanes[l + width];
  return lanes[0];
}

PICOLLM_CLONES
float picollm::weightedSquareSum(const float *x, const float *w, int64_t n) {
  float lanes[laneCount] = {};
  for (int64_t i = 0; i < n; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l)
      lanes[l] += w[i + l] * (x[i + l] * x[i + l]);
  return sumOfLanes(lanes);
}

PICOLLM_CLONES
float picollm::largestMagnitude(const float *x, int64_t n) {
  float lanes[laneCount] = {};
  for (int64_t i = 0; i < n; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l) {
      float magnitude = std::fabs(x[i + l]);
      lanes[l] = lanes[l] < magnitude ? magnitude : lanes[l];
    }
  return *std::max_element(lanes, lanes + laneCount);
}

// Widths with even levels.

PICOLLM_CLONES
static float evenRoundingError(const float *x, const float *w, int64_t n,
                               float s, int64_t bits) {
  float top = static_cast<float>((1 << bits) - 1);
  float inverse = 0.5f / s, middle = 0.5f * top, step = 2.0f * s;
  float lowest = -s * top;
  float lanes[laneCount] = {};
  for (int64_t i = 0; i < n; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l) {
      float q = x[i + l] * inverse + middle;
      q = q < 0.0f ? 0.0f : q;
      q = q > top ? top : q;
      q = (q + roundingOffset) - roundingOffset;
      float error = (q * step + lowest) - x[i + l];
      lanes[l] += w[i + l] * (error * error);
    }
  return sumOfLanes(lanes);
}

PICOLLM_CLONES
static void roundToEvenLevels(const float *x, int64_t n, float s, int64_t bits,
                              uint16_t *codes, float *values) {
  float top = static_cast<float>((1 << bits) - 1);
  float inverse = 0.5f / s, middle = 0.5f * top;
  for (int64_t i = 0; i < n; ++i) {
    float q = x[i] * inverse + middle;
    q = q < 0.0f ? 0.0f : q;
    q = q > top ? top : q;
    q = (q + roundingOffset) - roundingOffset;
    codes[i] = static_cast<uint16_t>(static_cast<int32_t>(q));
    values[i] = s * (2.0f * q - top);
  }
}

// Others: the places of |x| among the positive levels. The first of these are
// even, the places of the others come by comparison with the middles between
// them.

namespace {
template <size_t count> struct Steps {
  size_t even = 1; ///< 1, 3, 5, ..
  /// Behind the even ones.
  std::array<float, count - 1> middles, widths;

  constexpr explicit Steps(const std::array<int32_t, count> &levels)
      : middles(), widths() {
    while (even < count && levels[even] == int32_t(2 * even + 1))
      ++even;
    for (size_t i = even; i < count; ++i) {
      middles[i - even] = 0.5f * float(levels[i - 1] + levels[i]);
      widths[i - even] = float(levels[i] - levels[i - 1]);
    }
  }

  /// Place among the even levels of a magnitude in units of the scale.
  float evenPlace(float at) const {
    float place = 0.5f * at - 0.5f;
    place = place < 0.0f ? 0.0f : place;
    place = place > float(even - 1) ? float(even - 1) : place;
    return (place + roundingOffset) - roundingOffset;
  }
};
} // namespace

static constexpr Steps steps5(positiveLevels5);
static constexpr Steps steps6(positiveLevels6);

template <size_t count>
[[gnu::always_inline]] static inline float
unevenRoundingError(const Steps<count> &steps, const float *x, const float *w,
                    int64_t n, float s) {
  const float inverse = 1.0f / s;
  float lanes[laneCount] = {};
  for (int64_t i = 0; i < n; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l) {
      const float magnitude = std::fabs(x[i + l]), at = magnitude * inverse;
      float level = 2.0f * steps.evenPlace(at) + 1.0f;
      for (size_t k = 0; k < count - steps.even; ++k)
        level += at > steps.middles[k] ? steps.widths[k] : 0.0f;
      const float error = level * s - magnitude;
      lanes[l] += w[i + l] * (error * error);
    }
  return sumOfLanes(lanes);
}

/// Codes with a sign bit.
template <size_t count>
[[gnu::always_inline]] static inline void
roundToUnevenLevels(const Steps<count> &steps, const float *x, int64_t n,
                    float s, uint16_t *codes, float *values) {
  const float inverse = 1.0f / s;
  const int32_t half = int32_t(count);
  for (int64_t i = 0; i < n; ++i) {
    const float at = std::fabs(x[i]) * inverse;
    const float even = steps.evenPlace(at);
    float level = 2.0f * even + 1.0f;
    int32_t place = int32_t(even);
    for (size_t k = 0; k < count - steps.even; ++k) {
      level += at > steps.middles[k] ? steps.widths[k] : 0.0f;
      place += at > steps.middles[k];
    }
    codes[i] = static_cast<uint16_t>(x[i] < 0.0f ? half + place : place);
    values[i] = (x[i] < 0.0f ? -s : s) * level;
  }
}

PICOLLM_CLONES
static float roundingError5(const float *x, const float *w, int64_t n,
                            float s) {
  return unevenRoundingError(steps5, x, w, n, s);
}
PICOLLM_CLONES
static float roundingError6(const float *x, const float *w, int64_t n,
                            float s) {
  return unevenRoundingError(steps6, x, w, n, s);
}
PICOLLM_CLONES
static void round5(const float *x, int64_t n, float s, uint16_t *codes,
                   float *values) {
  roundToUnevenLevels(steps5, x, n, s, codes, values);
}
PICOLLM_CLONES
static void round6(const float *x, int64_t n, float s, uint16_t *codes,
                   float *values) {
  roundToUnevenLevels(steps6, x, n, s, codes, values);
}

float picollm::weightedRoundingError(const float *x, const float *w, int64_t n,
                                     float s, int64_t bits) {
  if (filterDepth(bits, false) > 0)
    return roundFiltered(x, w, n, s, bits, nullptr, nullptr);
  switch (bits) {
  case 5:
    return roundingError5(x, w, n, s);
  case 6:
    return roundingError6(x, w, n, s);
  default:
    return evenRoundingError(x, w, n, s, bits);
  }
}

float picollm::estimatedRoundingError(const float *x, const float *w, int64_t n,
                                      float s, int64_t bits) {
  if (filterDepth(bits, false) == 0)
    return weightedRoundingError(x, w, n, s, bits);
  // Best scales and errors of a unit Gaussian: even levels over filtered codes.
  constexpr std::array<float, 5> evenSteps = {0, 0, 0.4979f, 0.2930f, 0.1676f};
  constexpr std::array<float, 5> gains = {
      0, 0, 0.0930f / 0.1188f, 0.0261f / 0.0374f, 0.00666f / 0.01154f};
  const float scale = s * evenSteps[bits] / gaussianStep(bits);
  return gains[bits] * evenRoundingError(x, w, n, scale, bits);
}

void picollm::roundColumn(const float *x, const float *w, int64_t n, float s,
                          int64_t bits, uint16_t *codes, float *values) {
  if (filterDepth(bits, false) > 0) {
    roundFiltered(x, w, n, s, bits, codes, values);
    return;
  }
  switch (bits) {
  case 5:
    return round5(x, n, s, codes, values);
  case 6:
    return round6(x, n, s, codes, values);
  default:
    return roundToEvenLevels(x, n, s, bits, codes, values);
  }
}

PICOLLM_CLONES
void picollm::roundWithZeros(const float *x, const float *scales,
                             const float *inverseScales, const float *zeros,
                             int64_t n, int64_t bits, uint16_t *codes,
                             float *values) {
  float top = static_cast<float>((1 << bits) - 1);
  for (int64_t i = 0; i < n; ++i) {
    float q = x[i] * inverseScales[i] + zeros[i];
    q = q < 0.0f ? 0.0f : q;
    q = q > top ? top : q;
    q = (q + roundingOffset) - roundingOffset;
    codes[i] = static_cast<uint16_t>(static_cast<int32_t>(q));
    values[i] = scales[i] * (q - zeros[i]);
  }
}

PICOLLM_CLONES
void picollm::subtractScaled(float *y, const float *x, float a, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    y[i] -= a * x[i];
}

PICOLLM_CLONES
float picollm::dotProduct(const float *x, const float *y, int64_t n) {
  float lanes[laneCount] = {};
  for (int64_t i = 0; i < n; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l)
      lanes[l] += x[i + l] * y[i + l];
  return sumOfLanes(lanes);
}

PICOLLM_CLONES
void picollm::addScaledSquares(float *sums, const float *x, float scale,
                               int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    float scaled = x[i] * scale;
    sums[i] += scaled * scaled;
  }
}

PICOLLM_CLONES
void picollm::addProducts(float *sums, const float *x, const float *y,
                          int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    sums[i] += x[i] * y[i];
}
