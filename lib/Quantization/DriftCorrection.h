//===- DriftCorrection.h - weights that make good for drift -----*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_DRIFTCORRECTION_H
#define PICOLLM_LIB_QUANTIZATION_DRIFTCORRECTION_H

#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// Behind quantised layers an input x is not x_float, and a residual sum r that
/// a matrix adds to is not r_float. The linear answer that is best in the mean
/// square is
///
///   W' = W + E[(W (x_float - x) + r_float - r) x^T] E[x x^T]^-1
///
/// (its first part: Li et al., "GPTAQ", arXiv:2504.02692). Returns the stack
/// with that share of it for each panel which half of the texts confirm of the
/// other half's answer; without halves, the stack as it is. Holds its rows in
/// memory. Fails where the statistics do not fit, or rows cannot be read.
llvm::Expected<WeightStack> correctDrift(const WeightStack &stack,
                                         const InputStatistics &statistics,
                                         const QuantizationOptions &options);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_DRIFTCORRECTION_H
