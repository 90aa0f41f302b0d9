//===- MatrixSymbol.h - rules of ops that name a matrix ---------*- C++ -*-===//

#ifndef PICOLLM_LAYOUT_MATRIXSYMBOL_H
#define PICOLLM_LAYOUT_MATRIXSYMBOL_H

#include "PicoLLM/Layout/LayoutDialect.h"

namespace picollm::layout {

/// The picollm_layout.weight that `symbol` names. Without one of a MatrixType
/// it is an error of `op` that ends with `label`.
mlir::FailureOr<MatrixOp> matrixNamed(mlir::Operation *op,
                                      mlir::SymbolTableCollection &symbols,
                                      mlir::FlatSymbolRefAttr symbol,
                                      llvm::StringRef label);

/// Its type, for an op that has an operand or result of as many columns as the
/// matrix: `what` ("input") of `columns`, or an error that ends with
/// `columnsLabel`.
mlir::FailureOr<MatrixType>
matrixTypeOfColumns(mlir::Operation *op, mlir::SymbolTableCollection &symbols,
                    mlir::FlatSymbolRefAttr symbol, llvm::StringRef label,
                    llvm::StringRef what, int64_t columns,
                    llvm::StringRef columnsLabel);

} // namespace picollm::layout

#endif // PICOLLM_LAYOUT_MATRIXSYMBOL_H
