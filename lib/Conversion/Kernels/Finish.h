//===- Finish.h - from sums of a tile to results ----------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_FINISH_H
#define PICOLLM_LIB_CONVERSION_KERNELS_FINISH_H

#include "../KernelBuilder.h"
#include "picollm/Conversion/StepParts.h"

namespace picollm {

llvm::StringRef nameOf(LinearEpilogue epilogue);

/// True where two panels give one result.
bool isGate(LinearEpilogue epilogue);

/// void finish_<epilogue>(sums, sums of the second panel, row scales, row
/// scales of the second panel, out, bytes between rows of out, tokens, rows):
/// sums are float[tokens][32], row scales f16[32]; writes 1..32 rows of each
/// token.
mlir::func::FuncOp getFinish(mlir::ModuleOp module, InstructionSet isa,
                             LinearEpilogue epilogue);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_FINISH_H
