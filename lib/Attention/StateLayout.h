//===- StateLayout.h - shapes that shim and generators agree on -*- C++ -*-===//

#ifndef PICOLLM_ATTENTION_STATELAYOUT_H
#define PICOLLM_ATTENTION_STATELAYOUT_H

namespace picollm::attention {

/// Positions of a piece; Attention.h has the public name.
constexpr int kPiece = 256;

/// Parts of one token's context; Attention.h has the public name.
constexpr int kMaxParts = 16;

/// Query tokens of a block.
constexpr int kBlockTokens = 64;

/// Floats that follow the D sums in a row of state: the maximum, the sum of the
/// weights, and padding that keeps rows aligned.
constexpr int kStateExtra = 8;

/// Of the scale that follows a row of codes.
constexpr int kScaleBytes = 4;

/// Keys lie as [position / kKeyBlock][D][kKeyBlock], in the cache and prepared
/// as f32; Attention.h has the public name.
constexpr int kKeyBlock = 16;

/// Rows of a block are padded to a multiple of this, the least common multiple
/// of the row tiles of all targets.
constexpr int kRowPadding = 12;

constexpr int roundUp(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace picollm::attention

#endif // PICOLLM_ATTENTION_STATELAYOUT_H
