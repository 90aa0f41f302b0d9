//===- Gradients.h - the model level, backwards -----------------*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_GRADIENTS_H
#define PICOLLM_REFERENCE_GRADIENTS_H

#include "picollm/Reference/Evaluation.h"

namespace picollm {

/// dL/d(value) for the activations of one run; L is a cost of its caller.
class Gradients {
public:
  /// Adds `d` to the gradient of `value`.
  void add(mlir::Value value, Matrix d);

  /// The gradient of `value`, which is forgotten here; empty (no rows) where
  /// the cost does not depend on it.
  Matrix take(mlir::Value value);

private:
  llvm::DenseMap<mlir::Value, Matrix> ofValue;
};

/// Sees dL/dy of every linear and logits op, a row per token.
using OutputGradientHook =
    llvm::function_ref<void(mlir::Operation *op, const Matrix &d)>;

/// From the gradient of the result of an op of the model level to those of its
/// activations; the gradient of the result is taken out of `gradients`.
/// `evaluation` holds the operands. Fails for ops of other levels and where
/// weights cannot be read.
llvm::Error differentiate(mlir::Operation *op, Evaluation &evaluation,
                          Gradients &gradients, OutputGradientHook hook);

} // namespace picollm

#endif // PICOLLM_REFERENCE_GRADIENTS_H
