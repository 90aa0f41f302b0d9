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

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Step/StepAttributes.h.inc"

#define GET_OP_CLASSES
#include "PicoLLM/Step/StepOps.h.inc"

#endif // PICOLLM_STEP_STEP_H
