//===- Softmax.cpp - probabilities from logits ----------------------------===//

#include "picollm/Reference/Softmax.h"
#include "picollm/Support/Clones.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

using namespace picollm;

/// Sums have so many parts, so that a processor can add them side by side.
static constexpr int64_t laneCount = 8;

/// Logits whose exponentials are summed at a time.
static constexpr int64_t chunkSize = 1024;

PICOLLM_CLONES
static float largest(const float *x, int64_t count) {
  std::array<float, laneCount> lanes;
  lanes.fill(x[0]);
  int64_t i = 0;
  for (; i + laneCount <= count; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l)
      lanes[l] = lanes[l] < x[i + l] ? x[i + l] : lanes[l];
  for (; i < count; ++i)
    lanes[0] = std::max(lanes[0], x[i]);
  return *std::max_element(lanes.begin(), lanes.end());
}

PICOLLM_CLONES
static double sumOf(const float *x, int64_t count) {
  std::array<double, laneCount> lanes = {};
  int64_t i = 0;
  for (; i + laneCount <= count; i += laneCount)
    for (int64_t l = 0; l < laneCount; ++l)
      lanes[l] += x[i + l];
  for (; i < count; ++i)
    lanes[0] += x[i];
  double sum = 0;
  for (double lane : lanes)
    sum += lane;
  return sum;
}

/// exp(x) = 2^n exp(r) with n an integer and r at most ln(2) / 2, whose series
/// ends where the next term is below 1e-8. Without branches or calls, so that
/// several are computed at a time.
[[gnu::always_inline]] static inline float exponential(float x) {
  constexpr float lowest = -87.33f, highest = 89.0f;
  // Adding it to a value below 2^22 rounds, and leaves n in the lowest bits.
  constexpr float offset = 12582912.0f;
  constexpr int32_t offsetBits = 0x4b400000;
  // The first has few bits, so that its product with n is exact.
  constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  constexpr float log2e = 1.44269504f;
  const float bounded = x > highest ? highest : x < lowest ? lowest : x;
  const float shifted = bounded * log2e + offset, n = shifted - offset;
  const float r = (bounded - n * ln2High) - n * ln2Low;
  float series = 1.0f / 5040;
  for (const float coefficient :
       {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    series = series * r + coefficient;
  uint32_t bits;
  std::memcpy(&bits, &shifted, 4);
  bits = (bits - offsetBits + 127) << 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return x < lowest ? 0.0f : power * series;
}

PICOLLM_CLONES
static void shiftedExponentials(float *x, int64_t count, float shift) {
  for (int64_t i = 0; i < count; ++i)
    x[i] = exponential(x[i] - shift);
}

void picollm::exponentials(float *x, int64_t count) {
  shiftedExponentials(x, count, 0);
}

void picollm::softmax(float *x, int64_t count) {
  shiftedExponentials(x, count, largest(x, count));
  const float inverse = float(1 / sumOf(x, count));
  for (int64_t i = 0; i < count; ++i)
    x[i] *= inverse;
}

void picollm::logSoftmax(float *x, int64_t count) {
  const float top = largest(x, count);
  double total = 0;
  std::array<float, chunkSize> chunk;
  for (int64_t i = 0; i < count; i += chunkSize) {
    const int64_t size = std::min(chunkSize, count - i);
    std::copy_n(x + i, size, chunk.data());
    shiftedExponentials(chunk.data(), size, top);
    total += sumOf(chunk.data(), size);
  }
  const float shift = top + float(std::log(total));
  for (int64_t i = 0; i < count; ++i)
    x[i] -= shift;
}
