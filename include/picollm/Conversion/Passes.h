//===- Passes.h - from the step to the LLVM dialect -------------*- C++ -*-===//

#ifndef PICOLLM_CONVERSION_PASSES_H
#define PICOLLM_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace picollm {

#define GEN_PASS_DECL
#include "picollm/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "picollm/Conversion/Passes.h.inc"

/// The exported function of a compiled model: "picollm_<name>_model", each
/// character of the name that a C identifier cannot have replaced by "_".
std::string modelSymbol(llvm::StringRef name);

} // namespace picollm

#endif // PICOLLM_CONVERSION_PASSES_H
