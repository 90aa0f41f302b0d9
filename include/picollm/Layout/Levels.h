//===- Levels.h - what the codes of a width stand for -----------*- C++ -*-===//

#ifndef PICOLLM_LAYOUT_LEVELS_H
#define PICOLLM_LAYOUT_LEVELS_H

#include <array>
#include <cstdint>

namespace picollm {

/// The levels of widths 1 to 8 in segments without groups are integers,
/// symmetric about zero and none of them zero. They lie closer together where a
/// normal distribution is denser, as far as kernels can afford:
///   1, 2, 5-8   even: the odd integers up to 2^b - 1
///   3           the sums of 2, 3 and 4 with the signs of the bits
///   4           a table of integers
/// Mean square errors of a unit Gaussian, each at its best scale: 3 bits 0.0366
/// (even levels 0.0374, any levels 0.0345), 4 bits 0.00967 (0.01154, 0.00950).
inline constexpr std::array<int32_t, 4> positiveLevels3 = {1, 3, 5, 9};
inline constexpr std::array<int32_t, 8> positiveLevels4 = {1, 3,  5,  7,
                                                           9, 12, 15, 20};

/// What bit `plane` of a code of 1 to 3 bits counts: plus where it is set,
/// minus where it is not. With groups 2^plane.
constexpr int32_t planeWeight(int64_t bits, int64_t plane, bool hasGroups) {
  return bits == 3 && !hasGroups ? int32_t(2 + plane) : int32_t(1) << plane;
}

/// Whether levels are neither even nor sums of plane weights.
constexpr bool areLevelsInTable(int64_t bits, bool hasGroups) {
  return bits == 4 && !hasGroups;
}

/// What a code of 1 to 8 bits stands for. Codes rise with their levels, but not
/// where these are sums of weights. With groups 2 code - (2^bits - 1), of which
/// the zero of the group is then subtracted.
constexpr int32_t levelOf(int64_t bits, int32_t code, bool hasGroups = false) {
  if (bits == 3 && !hasGroups) {
    int32_t level = 0;
    for (int64_t p = 0; p < 3; ++p)
      level += (code >> p & 1 ? 1 : -1) * planeWeight(3, p, false);
    return level;
  }
  if (areLevelsInTable(bits, hasGroups))
    return code < 8 ? -positiveLevels4[7 - code] : positiveLevels4[code - 8];
  return 2 * code - ((1 << bits) - 1);
}

/// The largest level of widths 1 to 8 without groups.
constexpr int32_t topLevel(int64_t bits) {
  return levelOf(bits, (1 << bits) - 1);
}

} // namespace picollm

#endif // PICOLLM_LAYOUT_LEVELS_H
