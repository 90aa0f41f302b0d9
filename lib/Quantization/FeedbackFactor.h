//===- FeedbackFactor.h - how errors spread over later columns --*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_FEEDBACKFACTOR_H
#define PICOLLM_LIB_QUANTIZATION_FEEDBACKFACTOR_H

#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// How columns move through feedback together.
struct FeedbackBlocks {
  int64_t run = 1;   ///< neighbours that stay neighbours in the order
  int64_t block = 1; ///< places that do not make good each other's errors
};

/// U, upper triangular, with U^T U = (H + damping)^-1 and columns in the order
/// of feedback: falling diag(H) (GPTQ, algorithm 1).
struct FeedbackFactor {
  std::vector<uint32_t> order; ///< input column of each place
  /// Squared error of a column to loss: 1 / U_kk^2, or, in blocks, entry k of
  /// the diagonal of (U_bb^T U_bb)^-1. [columns]
  std::vector<float> lossWeights;
  /// U in row-major [columns][columns]; empty where H is diagonal, or where
  /// only the loss weights were asked for.
  std::vector<float> upper;
  /// H in the order of feedback, [columns][columns] or its diagonal, with a
  /// tenth of the damping; only beside `upper`.
  std::vector<float> moment;
  double damping = 0; ///< what was added to the diagonal of H

  bool isDiagonal() const { return moment.size() == order.size(); }
};

/// Factors the moment of the stack's input; raises the damping where it is not
/// positive definite in double precision.
llvm::Expected<FeedbackFactor>
factorMoment(const WeightStack &stack, const InputStatistics &statistics,
             double damping, bool onlyLossWeights, FeedbackBlocks blocks = {});

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_FEEDBACKFACTOR_H
