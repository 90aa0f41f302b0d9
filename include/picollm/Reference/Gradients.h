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

/// Sees the gradients that concern weights, op by op.
class GradientVisitor {
public:
  virtual ~GradientVisitor();

  /// Of a linear or logits op y = W x: dL/dy, and the part of dL/dx that goes
  /// through this op; a row per token. `evaluation` holds x and y.
  virtual void visitProduct(mlir::Operation *op, Evaluation &evaluation,
                            const Matrix &output, const Matrix &input) = 0;

  /// Of an rms_norm: dL/d(weight).
  virtual void visitNorm(mlir::Operation *op, llvm::ArrayRef<float> weight) {}
};

/// From the gradient of the result of an op of the model level to those of its
/// activations; the gradient of the result is taken out of `gradients`.
/// `evaluation` holds the operands and, for a visitor that asks, the results.
/// Fails for ops of other levels and where weights cannot be read.
llvm::Error differentiate(mlir::Operation *op, Evaluation &evaluation,
                          Gradients &gradients, GradientVisitor &visitor);

} // namespace picollm

#endif // PICOLLM_REFERENCE_GRADIENTS_H
