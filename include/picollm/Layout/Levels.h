//===- Levels.h - what the codes of a width stand for -----------*- C++ -*-===//

#ifndef PICOLLM_LAYOUT_LEVELS_H
#define PICOLLM_LAYOUT_LEVELS_H

#include <array>
#include <cstdint>

namespace picollm {

/// The levels of widths 1 to 8 in segments without groups are integers,
/// symmetric about zero and none of them zero. They lie closer together where a
/// normal distribution is denser, as far as kernels can afford:
///   1, 2, 7, 8  even: the odd integers up to 2^b - 1
///   3           the sums of 2, 3 and 4 with the signs of the bits
///   4           a table of integers
///   5, 6        a table of magnitudes, and a bit for the sign
/// Mean square errors of a unit Gaussian, each at its best scale, and those of
/// even and of any levels: 3 bits 0.0366 (0.0374, 0.0345), 4 bits 0.00967
/// (0.01154, 0.00950), 5 bits 0.00257 (0.00350, 0.00250), 6 bits 0.00066
/// (0.00104, 0.00064).
inline constexpr std::array<int32_t, 4> positiveLevels3 = {1, 3, 5, 9};
inline constexpr std::array<int32_t, 8> positiveLevels4 = {1, 3,  5,  7,
                                                           9, 12, 15, 20};
inline constexpr std::array<int32_t, 16> positiveLevels5 = {
    1, 3, 5, 7, 9, 11, 13, 15, 18, 21, 24, 27, 31, 35, 41, 50};
/// The first half is even, so that kernels look up the other half.
inline constexpr std::array<int32_t, 32> positiveLevels6 = {
    1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
    34, 37, 40, 43, 46, 49, 52, 56, 60, 64, 69, 74, 80, 87, 96, 111};

/// What bit `plane` of a code of 1 to 3 bits counts: plus where it is set,
/// minus where it is not. With groups 2^plane.
constexpr int32_t planeWeight(int64_t bits, int64_t plane, bool hasGroups) {
  return bits == 3 && !hasGroups ? int32_t(2 + plane) : int32_t(1) << plane;
}

/// Whether codes number the levels of a table.
constexpr bool areLevelsInTable(int64_t bits, bool hasGroups) {
  return bits == 4 && !hasGroups;
}

/// Whether the highest bit of a code is set for a negative level, and the
/// others number the magnitudes of a table.
constexpr bool hasSignBit(int64_t bits, bool hasGroups) {
  return (bits == 5 || bits == 6) && !hasGroups;
}

/// The magnitudes of a width with a sign bit.
constexpr int32_t magnitudeOf(int64_t bits, int32_t number) {
  return bits == 5 ? positiveLevels5[number] : positiveLevels6[number];
}

/// What a code of 1 to 8 bits stands for. Codes rise with their levels, but not
/// where these are sums of weights or have a sign bit. With groups
/// 2 code - (2^bits - 1), of which the zero of the group is then subtracted.
constexpr int32_t levelOf(int64_t bits, int32_t code, bool hasGroups = false) {
  if (bits == 3 && !hasGroups) {
    int32_t level = 0;
    for (int64_t p = 0; p < 3; ++p)
      level += (code >> p & 1 ? 1 : -1) * planeWeight(3, p, false);
    return level;
  }
  if (areLevelsInTable(bits, hasGroups))
    return code < 8 ? -positiveLevels4[7 - code] : positiveLevels4[code - 8];
  if (hasSignBit(bits, hasGroups)) {
    const int32_t sign = int32_t(1) << (bits - 1);
    return code & sign ? -magnitudeOf(bits, code - sign)
                       : magnitudeOf(bits, code);
  }
  return 2 * code - ((1 << bits) - 1);
}

/// The largest level of widths 1 to 8 without groups.
constexpr int32_t topLevel(int64_t bits) {
  return hasSignBit(bits, false) ? levelOf(bits, (1 << (bits - 1)) - 1)
                                 : levelOf(bits, (1 << bits) - 1);
}

} // namespace picollm

#endif // PICOLLM_LAYOUT_LEVELS_H
