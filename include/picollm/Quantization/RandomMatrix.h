//===- RandomMatrix.h - layouts and codes of no weights ---------*- C++ -*-===//
//
// For --scheme=random: models whose speed is asked for, not their predictions.
// Equal for equal seeds.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_QUANTIZATION_RANDOMMATRIX_H
#define PICOLLM_QUANTIZATION_RANDOMMATRIX_H

#include "picollm/Quantization/BitWidths.h"
#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/StringRef.h"

namespace picollm {

/// Losses that spread over blocks of columns, panels and matrices as measured
/// ones do, so that an allocation has as many segments and as mixed widths.
/// `rows`: of each panel; one panel with `hasRowsOfTokens`, which is cut into
/// several that deserve ever fewer bits, as tokens become rarer.
LossTable randomLosses(llvm::StringRef name, llvm::ArrayRef<int64_t> rows,
                       bool hasRowsOfTokens, int64_t columns, uint64_t seed);

/// Random codes, and scales that give all weights the variance 1 / columns.
/// `layout`: valid, without groups. `order`: input column of each stored
/// column.
QuantizedMatrix randomMatrix(const MatrixLayout &layout,
                             std::vector<uint32_t> order, uint64_t seed);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_RANDOMMATRIX_H
