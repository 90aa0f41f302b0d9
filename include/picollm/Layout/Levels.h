//===- Levels.h - what the codes of a width stand for -----------*- C++ -*-===//

#ifndef PICOLLM_LAYOUT_LEVELS_H
#define PICOLLM_LAYOUT_LEVELS_H

#include <array>
#include <cstdint>

namespace picollm {

/// The levels of widths 1 to 8 in segments without groups are integers,
/// symmetric about zero. With s_p = 1 where bit p of a code is set and -1
/// elsewhere:
///   1, 7, 8   even: the odd integers up to 2^b - 1
///   2, 3, 4   signs filtered over the rows of a tile: the sum over planes p
///             and k = 0, 1, .. of w[p][k] s_p of the row k above, as far as
///             the tile has one
///   5, 6      a table of magnitudes, and a bit for the sign
/// Mean square errors of a unit Gaussian, each at its best scale; of even
/// levels; of any levels, one for each code; and the limit of all codes, 4^-b:
///   2   0.0930    0.1188    0.1175    0.0625
///   3   0.0261    0.0374    0.0345    0.0156
///   4   0.00666   0.01154   0.00950   0.00391
///   5   0.00257   0.00350   0.00250   0.00098
///   6   0.00066   0.00104   0.00064   0.00024
inline constexpr std::array<int32_t, 16> positiveLevels5 = {
    1, 3, 5, 7, 9, 11, 13, 15, 18, 21, 24, 27, 31, 35, 41, 50};
/// The first half is even, so that kernels look up the other half.
inline constexpr std::array<int32_t, 32> positiveLevels6 = {
    1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
    34, 37, 40, 43, 46, 49, 52, 56, 60, 64, 69, 74, 80, 87, 96, 111};
/// [plane][rows above]; magnitudes sum to at most 63, so that two products of a
/// level and a code of an activation fit int16 whatever their signs.
inline constexpr int32_t rowFilter2[2][3] = {{9, 1, 5}, {6, -4, -6}};
inline constexpr int32_t rowFilter3[3][2] = {{17, 9}, {13, -10}, {8, -5}};
inline constexpr int32_t rowFilter4[4][2] = {
    {6, -5}, {10, 3}, {12, 6}, {14, -7}};

/// How many rows above in its tile a level depends on besides its own row.
constexpr int64_t filterDepth(int64_t bits, bool hasGroups) {
  if (hasGroups || bits < 2 || bits > 4)
    return 0;
  return bits == 2 ? 2 : 1;
}

/// What bit `plane` of a code of 1 to 4 bits, `above` rows (0 ..
/// filterDepth) above the level, counts: plus where it is set, minus where it
/// is not.
constexpr int32_t planeWeight(int64_t bits, int64_t plane, int64_t above,
                              bool hasGroups) {
  if (filterDepth(bits, hasGroups) == 0)
    return int32_t(1) << plane;
  return bits == 2   ? rowFilter2[plane][above]
         : bits == 3 ? rowFilter3[plane][above]
                     : rowFilter4[plane][above];
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

/// What a code of 1 to 8 bits, `above` rows (0 .. filterDepth) above a level,
/// adds to it; where filterDepth is 0, the level itself. Levels rise with their
/// codes, but not where these are filtered or have a sign bit. With groups
/// 2 code - (2^bits - 1), of which the zero of the group is then subtracted.
constexpr int32_t levelPart(int64_t bits, int32_t code, int64_t above,
                            bool hasGroups) {
  if (filterDepth(bits, hasGroups) > 0) {
    int32_t part = 0;
    for (int64_t p = 0; p < bits; ++p)
      part += (code >> p & 1 ? 1 : -1) * planeWeight(bits, p, above, hasGroups);
    return part;
  }
  if (hasSignBit(bits, hasGroups)) {
    const int32_t sign = int32_t(1) << (bits - 1);
    return code & sign ? -magnitudeOf(bits, code - sign)
                       : magnitudeOf(bits, code);
  }
  return 2 * code - ((1 << bits) - 1);
}

/// levelPart without groups: [bits][rows above][code].
using LevelParts = std::array<std::array<std::array<int16_t, 256>, 3>, 9>;

constexpr LevelParts makeLevelParts() {
  LevelParts parts{};
  for (int64_t bits = 1; bits <= 8; ++bits)
    for (int64_t above = 0; above <= filterDepth(bits, false); ++above)
      for (int32_t code = 0; code < 1 << bits; ++code)
        parts[bits][above][code] =
            static_cast<int16_t>(levelPart(bits, code, above, false));
  return parts;
}

inline constexpr LevelParts levelParts = makeLevelParts();

/// The level of a code of 1 to 8 bits in row `row` of its tile. `code` is in
/// this row, and code[-stride], .. are those of the rows above.
constexpr int32_t levelOf(int64_t bits, const uint16_t *code, int64_t stride,
                          int64_t row, bool hasGroups) {
  if (hasGroups)
    return levelPart(bits, *code, 0, true);
  int32_t level = 0;
  for (int64_t above = 0; above <= filterDepth(bits, false) && above <= row;
       ++above)
    level += levelParts[bits][above][code[-above * stride]];
  return level;
}

/// The largest level of widths 1 to 8 without groups.
constexpr int32_t topLevel(int64_t bits) {
  if (hasSignBit(bits, false))
    return magnitudeOf(bits, (1 << (bits - 1)) - 1);
  if (filterDepth(bits, false) == 0)
    return (1 << bits) - 1;
  int32_t top = 0;
  for (int64_t p = 0; p < bits; ++p)
    for (int64_t above = 0; above <= filterDepth(bits, false); ++above) {
      const int32_t weight = planeWeight(bits, p, above, false);
      top += weight < 0 ? -weight : weight;
    }
  return top;
}

} // namespace picollm

#endif // PICOLLM_LAYOUT_LEVELS_H
