//===- ColumnLoops.cpp - hot loops over one column of weights -------------===//

#include "ColumnLoops.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

// Without FMA: the clones give equal results.
#if defined(__x86_64__) && defined(__linux__)
#define PICOLLM_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define PICOLLM_CLONES
#endif

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

PICOLLM_CLONES
float picollm::weightedRoundingError(const float *x, const float *w, int64_t n,
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
void picollm::roundColumn(const float *x, int64_t n, float s, int64_t bits,
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
