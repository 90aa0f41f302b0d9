//===- Passes.h - passes between the levels ---------------------*- C++ -*-===//
//
// In order: createConvertModelToLayout, createConvertLayoutToStep,
// createInsertBarriers, createAssignBuffers; all run on the module.
// createKeepLayers makes a smaller model first, to measure it.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_TRANSFORMS_PASSES_H
#define PICOLLM_TRANSFORMS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "picollm/Attention/Attention.h"

namespace picollm {

#define GEN_PASS_DECL
#include "picollm/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "picollm/Transforms/Passes.h.inc"

} // namespace picollm

#endif // PICOLLM_TRANSFORMS_PASSES_H
