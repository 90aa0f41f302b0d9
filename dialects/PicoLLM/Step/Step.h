//===- Step.h - the compiled step: buffers, threads, barriers ---*- C++ -*-===//
//
// Ops and rules: dialects/SPEC.md, section "Step level".
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_STEP_STEP_H
#define PICOLLM_STEP_STEP_H

#include "PicoLLM/Layout/LayoutDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include "PicoLLM/Step/StepDialect.h.inc"
#include "PicoLLM/Step/StepEnums.h.inc"

namespace picollm::step {

/// The KV cache as a place of memory effects: it is no value of the program.
struct KVCache : mlir::SideEffects::Resource::Base<KVCache> {
  llvm::StringRef getName() final { return "KVCache"; }
};

} // namespace picollm::step

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Step/StepAttributes.h.inc"

#define GET_OP_CLASSES
#include "PicoLLM/Step/StepOps.h.inc"

#endif // PICOLLM_STEP_STEP_H
