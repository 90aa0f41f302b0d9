//===- ColumnLoops.h - hot loops over one column of weights -----*- C++ -*-===//
//
// Columns are contiguous and padded to a multiple of laneCount values with
// weight 0. Sums run in laneCount lanes, so that they vectorise and are the
// same on every host.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_QUANTIZATION_COLUMNLOOPS_H
#define PICOLLM_LIB_QUANTIZATION_COLUMNLOOPS_H

#include <cstdint>

namespace picollm {

inline constexpr int64_t laneCount = 16;

/// `n` rounded up to laneCount.
inline int64_t paddedCount(int64_t n) {
  return (n + laneCount - 1) / laneCount * laneCount;
}

/// sum w x^2
float weightedSquareSum(const float *x, const float *w, int64_t n);

/// max |x|
float largestMagnitude(const float *x, int64_t n);

/// The least sum w (x - s level)^2, levels being those of codes of `bits` bits
/// (1..8) in a column that begins with a tile; s > 0.
float weightedRoundingError(const float *x, const float *w, int64_t n, float s,
                            int64_t bits);

/// About as much, in a fraction of the time where codes are filtered.
float estimatedRoundingError(const float *x, const float *w, int64_t n, float s,
                             int64_t bits);

/// The codes that lead to weightedRoundingError; values = s level.
void roundColumn(const float *x, const float *w, int64_t n, float s,
                 int64_t bits, uint16_t *codes, float *values);

/// codes = the nearest q of x / s + z in 0 .. 2^bits - 1, values = s (q - z); s
/// and z of each element, and 1 / s, or 0 where s is 0.
void roundWithZeros(const float *x, const float *scales,
                    const float *inverseScales, const float *zeros, int64_t n,
                    int64_t bits, uint16_t *codes, float *values);

/// y -= a x
void subtractScaled(float *y, const float *x, float a, int64_t n);

/// sum x y
float dotProduct(const float *x, const float *y, int64_t n);

/// sums += (x scale)^2, element by element.
void addScaledSquares(float *sums, const float *x, float scale, int64_t n);

/// sums += x y, element by element.
void addProducts(float *sums, const float *x, const float *y, int64_t n);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_COLUMNLOOPS_H
