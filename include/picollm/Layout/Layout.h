//===- Layout.h - the column-bit layout of a matrix -------------*- C++ -*-===//
//
// A matrix of rows x columns (y = W x) is a list of row panels over one shared
// order of columns. A panel gives each run of stored columns (a segment) one
// width in bits:
//
//   W[i][order[j]] ~ r_i * c_j * a_s * l_b(q[i][j])    1 <= b <= 8
//   W[i][order[j]] ~ r_i * c_j * a_s * f16[i][j]       b == 16
//   W[i][order[j]] ~ 0                                 b == 0
//
// with j the stored position of a column, r_i the row scale, c_j the column
// scale, a_s the scale of segment s that holds j, q an unsigned code of b bits
// and l_b(q) the integer that it stands for (Levels.h). A segment may have
// groups: each 128 of its columns (the last group may be shorter) then have a
// scale d and a zero z of their own in every row:
//
//   W[i][order[j]] ~ r_i * c_j * a_s * d[i][g] * (2 q[i][j] - 2 z[i][g])
//
// with z an unsigned integer of b bits and 1 <= b <= 8.
//
// Bytes of one matrix, in this order, each part aligned to 64 bytes:
//   order          u16[columns] (u32 where columns > 65536): input column of
//                  stored column j
//   column scales  f16[columns], in stored order
//   per panel:
//     segment scales  f32[segments]
//     row scales      f16[stored rows]; stored rows = rows rounded up to 32
//     tiles           stored rows / 32 tiles of tileBytes each
//
// A tile holds 32 rows: its segments in order, each cut into steps of 8
// columns; a step of b bits takes 32 * b bytes. Behind the steps of a segment
// with groups come f16[groups][32], the scales d of each group by rows, then
// per group its zeros by rows: for b <= 4 16 bytes, byte r the zero of row r in
// its low nibble and that of row r + 16 in its high one; for b > 4 u8[32]. Both
// together are padded with zeros to 32 bytes. Within a step (row r of 32,
// column k of 8):
//   b in 1..4 (planes): for p in 0..b-1 a vector of 32 bytes; byte r holds bit
//       p of the codes of row r: bit k of the byte is column k. (Low nibble:
//       columns 0-3, high nibble: columns 4-7.)
//   b in 5..8 (fields): eight unpacked vectors U[c][g], c = k / 4 in 0..1,
//       g = r / 8 in 0..3, with byte 4 * (r % 8) + (k % 4) = the code. Stored:
//       b == 8: U[0][0], U[0][1], .. U[1][3], 32 bytes each;
//       b <  8: four vectors of low nibbles, L[c][h], h in 0..1, order
//               L[0][0] L[0][1] L[1][0] L[1][1]: low nibble = bits 0-3 of
//               U[c][h], high nibble = bits 0-3 of U[c][h + 2]; then for
//       b >= 6: two vectors P[c]: field of two bits number g (bits 2g, 2g + 1)
//               = bits 4-5 of U[c][g]; then for
//       b odd:  one vector: bit 4 * c + g = bit b - 1 of U[c][g].
//   b == 16: f16[8][32]: column k, then row r.
// Padding rows hold code 0 (b <= 8) or 0.0 (b == 16) and row scale 0; their
// groups hold scale 0 and zero 0.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LAYOUT_LAYOUT_H
#define PICOLLM_LAYOUT_LAYOUT_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace picollm {

/// Rows that one tile of packed weights holds.
inline constexpr int64_t tileRows = 32;
/// Columns that one step of packed weights holds; every segment is a multiple.
inline constexpr int64_t stepColumns = 8;
/// Stored columns that share one activation scale; a block never crosses a
/// segment, the last block of a segment may be shorter.
inline constexpr int64_t blockColumns = 128;
/// Alignment in bytes of each segment's part of a tile.
inline constexpr int64_t tileAlignment = 32;
/// Alignment in bytes of each part of a matrix in the weight file.
inline constexpr int64_t partAlignment = 64;

/// The largest matrix: far above every model's, so small that its bytes fit
/// int64_t.
inline constexpr int64_t maxColumns = int64_t(1) << 24;
inline constexpr int64_t maxRows = int64_t(1) << 31;
/// The same for all matrices of a model together.
inline constexpr int64_t maxWeights = int64_t(1) << 56;

/// Widths up to this are stored as bit planes, those above, up to 8, as fields.
inline constexpr int64_t maxPlaneBits = 4;

/// How an activation is encoded for a segment.
enum class ActivationEncoding {
  None,     ///< width 0: not read
  Table4I8, ///< widths 1-4, few rows: per 4 columns 16 int8 sums of +-x
  CodesI8,  ///< widths 5-8, of many rows 1-8: int8 codes
  F32,      ///< width 16
};

/// How many rows (tokens) of activations a matrix multiplies in one call of the
/// model. Of few, weights are read from memory for each; many share what it
/// takes to turn them into integers.
enum class Rows { Few, Many };

/// So many rows are many for the interpreter; for kernels see manyRowsOf
/// (picollm/Conversion/InstructionSet.h).
inline constexpr int64_t manyRows = 16;
inline Rows toRows(int64_t count, int64_t many = manyRows) {
  return count < many ? Rows::Few : Rows::Many;
}

/// Neighbouring stored columns of equal width.
struct Segment {
  int64_t bits = 0;    ///< 0..8 or 16
  int64_t columns = 0; ///< a positive multiple of stepColumns
  /// Columns that share a scale and a zero in each row: blockColumns, so that a
  /// group is a block of the activation; or 0, none. Widths 1..8.
  int64_t group = 0;
  bool operator==(const Segment &o) const {
    return bits == o.bits && columns == o.columns && group == o.group;
  }
};

/// Consecutive rows with one list of segments.
struct Panel {
  int64_t rows = 0;
  std::vector<Segment> segments; ///< their columns sum to the matrix's columns
  bool operator==(const Panel &o) const {
    return rows == o.rows && segments == o.segments;
  }
};

/// Where the parts of one panel lie, in bytes from the start of the matrix.
struct PanelOffsets {
  int64_t segmentScales = 0;
  int64_t rowScales = 0;
  int64_t tiles = 0;
};

struct MatrixLayout {
  int64_t columns = 0;
  std::vector<Panel> panels;

  int64_t rows() const;
  std::vector<int64_t> panelRows() const; ///< rows of each panel
  bool operator==(const MatrixLayout &o) const {
    return columns == o.columns && panels == o.panels;
  }
};

/// The panels [begin, end) of a matrix, which hold the rows of one weight of
/// the model (a source).
struct PanelRange {
  size_t begin = 0, end = 0;

  int64_t rows(const MatrixLayout &layout) const;
};

/// True for 0..8 and 16.
bool isValidWidth(int64_t bits);

/// The encoding of the activation that a segment of `bits` multiplies.
ActivationEncoding encodingOfWidth(int64_t bits, Rows rows);

/// Rows of a panel in the file: `rows` rounded up to tileRows.
int64_t storedRows(int64_t rows);

/// Bytes of one step of 8 columns by 32 rows.
inline int64_t stepBytes(int64_t bits) { return 32 * bits; }

/// Groups of the segment, 0 where it has none.
int64_t segmentGroups(const Segment &segment);

/// Groups of all segments of the panel.
int64_t panelGroups(const Panel &panel);

/// Bits that one zero takes in the file.
inline int64_t zeroBits(int64_t bits) { return bits <= 4 ? 4 : 8; }

/// Bytes of the scales of a group for the rows of a tile.
inline constexpr int64_t groupScaleBytes = 2 * tileRows;

/// Bytes of the zeros of a group for the rows of a tile.
inline int64_t groupZeroBytes(int64_t bits) {
  return tileRows * zeroBits(bits) / 8;
}

/// Offset in bytes of the group scales within a segment's part of a tile; they
/// lie behind the codes.
int64_t groupScalesOffset(const Segment &segment);

/// The same of the zeros, behind the scales.
int64_t groupZerosOffset(const Segment &segment);

/// Bytes of the segment within one tile.
int64_t segmentTileBytes(const Segment &segment);

/// Bytes of one tile of the panel, all segments.
int64_t tileBytes(const Panel &panel);

/// Bytes of an entry of the column order: 2, or 4 where columns > 65536.
int64_t orderEntryBytes(int64_t columns);

/// Offset in bytes of the column scales; the order is at 0.
int64_t columnScalesOffset(const MatrixLayout &layout);

/// Offsets of the parts of panel `panel`.
PanelOffsets panelOffsets(const MatrixLayout &layout, size_t panel);

/// Bytes of the whole matrix, a multiple of partAlignment.
int64_t matrixBytes(const MatrixLayout &layout);

/// Checks widths, multiples and sums; the error says which rule is broken.
llvm::Error checkLayout(const MatrixLayout &layout);

} // namespace picollm

#endif // PICOLLM_LAYOUT_LAYOUT_H
