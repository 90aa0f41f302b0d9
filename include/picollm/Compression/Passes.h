//===- Passes.h - from float weights to a weight file -----------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_PASSES_H
#define PICOLLM_COMPRESSION_PASSES_H

#include "PicoLLM/Layout/LayoutDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// {"loss", "bound", "multiplier"} of a module that picollm-allocate-bits has
/// given widths, see Optimality. For the report; nothing that compiles reads
/// it.
inline constexpr llvm::StringLiteral optimalityAttribute = "picollm.optimality";

#define GEN_PASS_DECL
#include "picollm/Compression/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "picollm/Compression/Passes.h.inc"

} // namespace picollm

#endif // PICOLLM_COMPRESSION_PASSES_H
