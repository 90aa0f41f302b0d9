//===- EncodedActivation.h - bytes of an encoded activation -----*- C++ -*-===//
//
// One token's activation, permuted, scaled and encoded for one matrix. Every
// panel has its own copy, because segments and their scales differ. In this
// order, each part aligned to 64 bytes, for every panel and every segment:
//   values  codes_i8  int8[columns], in stored order
//           table4_i8 int8[columns / 4][16]: table of a group of 4 stored
//                     columns, indexed by the 4 bits of a plane (bit k: column
//                     k of the group)
//           f32       float[columns]
//   scales  f32[blocks], only codes_i8 and table4_i8: the scale of each block
//           of blockColumns times the segment's scale a_s
//   sums    i32[blocks], codes_i8: sum of the block's codes
//                        table4_i8, only where the segment has groups: sum of
//                        the entries 15 of the block's tables
// A segment of width 0 takes no bytes. Where rows are many, codes_i8 stands in
// the place of table4_i8 and leaves the rest of it unused. At the end are 64
// bytes where all else is an even number of them.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LAYOUT_ENCODEDACTIVATION_H
#define PICOLLM_LAYOUT_ENCODEDACTIVATION_H

#include "picollm/Layout/Layout.h"

namespace picollm {

/// Codes of codes_i8 and entries of table4_i8 are at most so large.
inline constexpr float largestCode = 127.0f;

/// Where the parts of one segment lie, in bytes from the start of the token.
/// A part that the encoding does not have is empty: its offset is that of the
/// next part.
struct EncodedSegmentOffsets {
  int64_t values = 0;
  int64_t scales = 0;
  int64_t sums = 0;
};

/// Blocks of a segment: columns / blockColumns, rounded up.
int64_t segmentBlocks(const Segment &segment);

/// Bytes of one token's encoded activation, an odd multiple of partAlignment.
int64_t encodedActivationBytes(const MatrixLayout &layout);

/// Offsets of the parts of segment `segment` of panel `panel`.
EncodedSegmentOffsets encodedSegmentOffsets(const MatrixLayout &layout,
                                            size_t panel, size_t segment);

} // namespace picollm

#endif // PICOLLM_LAYOUT_ENCODEDACTIVATION_H
