//===- Layout.h - what a packed matrix computes -----------------*- C++ -*-===//
//
// The meaning of y = W x over a column-bit layout, in float32 without fused
// multiply-add, written to be read. Kernels give the same bits.
//
// For panel p, x' = x[order[j]] * c_j. Inside a segment of scale a, blocks of
// up to blockColumns stored columns:
//   codes_i8   scale = max|x'| / 127, code = round(x' * (127 / max|x'|))
//   table4_i8  where rows are few, per group of 4 columns sums t = (+-x'0 +-
//   x'1) + (+-x'2 +- x'3);
//              scale = max sum of |x'| over a group / 127, entry = round(...)
//   f32        x' * a, no blocks
// The sum of a block is an integer; y_i = r_i * sum over blocks ascending of
// float(sum) * (scale * a), in a segment with groups float(sum) * ((scale * a)
// * d). Rounding is to nearest even everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_REFERENCE_LAYOUT_H
#define PICOLLM_REFERENCE_LAYOUT_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include <array>
#include <cstdint>
#include <vector>

namespace picollm {
namespace reference {

/// The activation of one block of stored columns, encoded.
struct EncodedBlock {
  int64_t bits = 0;  ///< width of the segment, 1..8
  int64_t begin = 0; ///< first stored column
  int64_t columns = 0;
  int64_t group = -1;        ///< of the panel's groups; -1: has none
  float scale = 0;           ///< the block's scale times the segment's
  std::vector<int8_t> codes; ///< one per column, or empty
  /// What the block's x sum to in units of its scale: the sum of the codes, or
  /// of the tables' entries 15.
  int32_t sum = 0;
  std::vector<std::array<int8_t, 16>> tables; ///< one per 4 columns, or empty
};

/// The activation of one segment.
struct EncodedSegment {
  Segment segment;
  int64_t begin = 0;                ///< first stored column
  std::vector<EncodedBlock> blocks; ///< widths 1..8
  std::vector<float> values;        ///< width 16: x' * a, one per column
};

/// One entry per segment of the panel, in order; segments of width 0 are empty.
using EncodedActivation = std::vector<EncodedSegment>;

/// Encodes x[columns], in input order, for one panel; `rows`: of how many it is
/// one.
EncodedActivation encodeActivation(const QuantizedMatrix &matrix, size_t panel,
                                   const float *x, Rows rows);

/// The integer sums of one row: one per block of `activation`, segments in
/// order, segments of width 0 and 16 none.
std::vector<int32_t> blockSums(const QuantizedMatrix &matrix, size_t panel,
                               const EncodedActivation &activation,
                               int64_t row);

/// y[rows of the panel] = W x for x[columns] in input order.
void linear(const QuantizedMatrix &matrix, size_t panel, const float *x,
            Rows rows, float *y);

/// Gives x[count], one head of a key or value, what a KV cache of codes keeps
/// of it (KVCacheType in picollm/Attention/Attention.h).
void roundToCacheCodes(float *x, int64_t count);

} // namespace reference
} // namespace picollm

#endif // PICOLLM_REFERENCE_LAYOUT_H
