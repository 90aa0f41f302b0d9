//===- PackMatrix.h - codes to the bytes of the kernels ---------*- C++ -*-===//

#ifndef PICOLLM_PACKING_PACKMATRIX_H
#define PICOLLM_PACKING_PACKMATRIX_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/ArrayRef.h"

namespace picollm {

/// Writes the bytes that include/picollm/Layout/Layout.h defines, padding
/// included. `bytes` has matrixBytes(matrix.layout) of them. Fails where
/// checkQuantizedMatrix does or the size is another.
llvm::Error packMatrix(const QuantizedMatrix &matrix,
                       llvm::MutableArrayRef<uint8_t> bytes);

/// The inverse: reads a matrix of that layout from its bytes. Fails where the
/// layout is invalid, the size is another, the order is no permutation or a
/// zero is no code.
llvm::Expected<QuantizedMatrix> unpackMatrix(const MatrixLayout &layout,
                                             llvm::ArrayRef<uint8_t> bytes);

} // namespace picollm

#endif // PICOLLM_PACKING_PACKMATRIX_H
