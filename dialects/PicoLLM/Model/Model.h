//===- Model.h - the picollm dialect: models over tensors -------*- C++ -*-===//
//
// Ops, attributes and rules: dialects/SPEC.md, section "Model level".
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_MODEL_MODEL_H
#define PICOLLM_MODEL_MODEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "PicoLLM/Model/ModelDialect.h.inc"
#include "PicoLLM/Model/ModelEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Model/ModelAttributes.h.inc"

#define GET_OP_CLASSES
#include "PicoLLM/Model/ModelOps.h.inc"

namespace picollm::model {

/// Name of the module attribute that holds the model's ConfigAttr.
inline constexpr llvm::StringLiteral configAttributeName = "picollm.config";

} // namespace picollm::model

#endif // PICOLLM_MODEL_MODEL_H
