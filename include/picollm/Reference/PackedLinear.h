//===- PackedLinear.h - mixed-bit products of many tokens -------*- C++ -*-===//
//
// The same bits as reference::linear (picollm/Reference/Layout.h), with the
// integer sums of blocks as products of integer-valued floats: a block's sum
// stays below 128 * 127 * 255 < 2^24, so SGEMM is exact in any order. Rows of
// several sequences may lie one after the other, some of few, some of many.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_REFERENCE_PACKEDLINEAR_H
#define PICOLLM_REFERENCE_PACKEDLINEAR_H

#include "picollm/Reference/Layout.h"
#include "picollm/Reference/Matrix.h"
#include "llvm/ADT/ArrayRef.h"

namespace picollm {

/// Activations encoded for a matrix: [panel][token].
using EncodedRows = std::vector<std::vector<reference::EncodedActivation>>;

/// Encodes the rows of x (tokens x columns, input order) for every panel.
/// `counts`: rows of each sequence, x.rows together.
EncodedRows encodeRows(const QuantizedMatrix &matrix, const Matrix &x,
                       llvm::ArrayRef<int64_t> counts);

/// y = W x of the rows of some panels: tokens x rows.
Matrix packedLinear(const QuantizedMatrix &matrix, PanelRange panels,
                    const EncodedRows &x);

/// Decoded rows in input order, rows counted over all panels.
Matrix packedEmbedding(const QuantizedMatrix &matrix,
                       const std::vector<int32_t> &tokens);

} // namespace picollm

#endif // PICOLLM_REFERENCE_PACKEDLINEAR_H
