//===- OpAttributes.h - attributes of ops as the reference wants them -----===//

#ifndef PICOLLM_LIB_REFERENCE_OPATTRIBUTES_H
#define PICOLLM_LIB_REFERENCE_OPATTRIBUTES_H

#include "PicoLLM/Model/Model.h"
#include "picollm/Reference/Ops.h"

namespace picollm {

inline AttentionHeads headsOf(model::AttentionOp op) {
  int64_t columns =
      llvm::cast<mlir::ShapedType>(op.getQuery().getType()).getDimSize(1);
  return {int64_t(op.getHeads()), int64_t(op.getKvHeads()),
          columns / int64_t(op.getHeads()), op.getScale().convertToDouble(),
          int64_t(op.getWindow().value_or(0))};
}

inline Gate gateOf(model::GatedOp op) {
  return op.getFunction() == model::GateFunction::SiLU ? Gate::SiLU
                                                       : Gate::GeLUTanh;
}

} // namespace picollm

#endif // PICOLLM_LIB_REFERENCE_OPATTRIBUTES_H
