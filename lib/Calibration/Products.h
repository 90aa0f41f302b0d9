//===- Products.h - ops that multiply by a weight ---------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CALIBRATION_PRODUCTS_H
#define PICOLLM_LIB_CALIBRATION_PRODUCTS_H

#include "PicoLLM/Model/Model.h"
#include "picollm/Reference/ReferenceModel.h"

namespace picollm {

/// The weight of a linear or logits op; empty for another.
inline llvm::StringRef weightOfProduct(mlir::Operation *op) {
  if (auto linear = llvm::dyn_cast<model::LinearOp>(op))
    return linear.getWeight();
  if (auto logits = llvm::dyn_cast<model::LogitsOp>(op))
    return logits.getWeight();
  return {};
}

/// Makes room for the weights of other ops, once `ops` have run.
inline void releaseWeights(ReferenceModel &model,
                           llvm::ArrayRef<mlir::Operation *> ops) {
  for (mlir::Operation *op : ops)
    if (llvm::StringRef weight = weightOfProduct(op); !weight.empty())
      model.weights().release(weight);
}

} // namespace picollm

#endif // PICOLLM_LIB_CALIBRATION_PRODUCTS_H
