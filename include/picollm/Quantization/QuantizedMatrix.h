//===- QuantizedMatrix.h - a matrix as codes and scales ---------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_QUANTIZEDMATRIX_H
#define PICOLLM_QUANTIZATION_QUANTIZEDMATRIX_H

#include "picollm/Layout/Layout.h"
#include <cstdint>
#include <vector>

namespace picollm {

/// Codes and scales of one row panel.
struct QuantizedPanel {
  /// a_s, one per segment; multiplies the level of a code (Levels.h), or the
  /// f16 of width 16.
  std::vector<float> segmentScales;
  /// r_i as IEEE half bits, one per row.
  std::vector<uint16_t> rowScales;
  /// d as half bits and z (0 .. 2^b - 1), rows x groups, groups of all segments
  /// that have any, in stored order; see panelGroups.
  std::vector<uint16_t> groupScales;
  std::vector<uint8_t> zeros;
  /// rows x columns in stored order: q (0 .. 2^b - 1), the half bits of width
  /// 16, or 0 for width 0.
  std::vector<uint16_t> codes;
};

/// What quantisation makes and packing writes: the value of every field of
/// include/picollm/Layout/Layout.h, unpacked.
struct QuantizedMatrix {
  MatrixLayout layout;
  std::vector<uint32_t> order;        ///< input column of each stored column
  std::vector<uint16_t> columnScales; ///< c_j as half bits, stored order
  std::vector<QuantizedPanel> panels;
};

/// Checks sizes, that `order` is a permutation and that codes and zeros fit the
/// widths.
llvm::Error checkQuantizedMatrix(const QuantizedMatrix &matrix);

/// Writes row `row` of panel `panel` as floats in input order to
/// `out[columns]`. Products associate as ((r_i * c_j) * a_s) * level, with
/// groups (((r_i * c_j) * a_s) * d) * level.
void dequantizeRow(const QuantizedMatrix &matrix, size_t panel, int64_t row,
                   float *out);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_QUANTIZEDMATRIX_H
