//===- Half.h - IEEE binary16 bits to float and back ------------*- C++ -*-===//
//
// In plain integer arithmetic, so that results are equal on every host and no
// compiler runtime is needed.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_SUPPORT_HALF_H
#define PICOLLM_SUPPORT_HALF_H

#include <cstdint>
#include <cstring>

namespace picollm {

/// Largest finite half.
inline constexpr float maxHalf = 65504.0f;
/// Smallest half with full precision, 2^-14.
inline constexpr float minNormalHalf = 6.103515625e-05f;

/// Exact.
inline float halfToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
  if (exponent == 0) {
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  uint32_t bits = exponent == 31
                      ? sign | 0x7f800000 | fraction << 13
                      : sign | (exponent + 112) << 23 | fraction << 13;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Rounds to nearest even; beyond the range gives infinity.
inline uint16_t floatToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  uint32_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00);
  if (bits >= 0x477ff000) // 65520, halfway between maxHalf and 2^16
    return static_cast<uint16_t>(sign | 0x7c00);
  if (bits < 0x38800000) { // a multiple of 2^-24, the unit of 0.5f's fraction
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof(magnitude));
    magnitude += 0.5f;
    uint32_t rounded;
    std::memcpy(&rounded, &magnitude, sizeof(rounded));
    return static_cast<uint16_t>(sign | (rounded - 0x3f000000));
  }
  bits += 0xfff + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | (bits - 0x38000000) >> 13);
}

} // namespace picollm

#endif // PICOLLM_SUPPORT_HALF_H
