//===- Quantize.h - float matrices to codes and scales ----------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_QUANTIZE_H
#define PICOLLM_QUANTIZATION_QUANTIZE_H

#include "picollm/Quantization/BitWidths.h"
#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/StringRef.h"

namespace picollm {

struct QuantizedStack {
  QuantizedMatrix matrix;
  /// Per panel: what feedback left behind before the scales were refitted, the
  /// squared output error E[f_i (y_i - y'_i)^2] summed over rows; f_i = 1 where
  /// there are no row weights.
  std::vector<double> losses;
};

/// Quantises a stack to the given layout with error feedback (GPTQ, Frantar et
/// al. 2022; LDLQ, Chee et al. 2023): columns by falling mean square of their
/// input, the error of each spread over those that follow. Columns that have
/// one width in all panels are stored by falling mean square of x_j c_j,
/// whatever the allocation's order is: that leaves least error when the input
/// is encoded in blocks. Where the statistics know of drift, the target is not
/// the weights but what makes that good. Fails on invalid input, on an
/// allocation of another shape, on weights that are not finite.
llvm::Expected<QuantizedStack>
quantizeStack(const WeightStack &stack, const InputStatistics &statistics,
              const StackAllocation &allocation,
              const QuantizationOptions &options);

/// Quantises a stack as published GPTQ does: columns by falling mean square of
/// their input, stored in that order too, the error of each spread over those
/// that follow. Each row has a scale and a zero for every group of columns,
/// that span its weights and 0 as feedback has left them when the group's turn
/// comes; other scales are 1, or a power of two. Row weights, moments of
/// outputs and drift are not used. Statistics of columns that do not depend on
/// each other leave no feedback: of InputStatistics::uniform, rounding to
/// nearest in input order. `layout`: panels of the stack's rows, each of one
/// segment with groups. Fails on invalid input, on another layout, on weights
/// that are not finite.
llvm::Expected<QuantizedStack>
quantizeGroups(const WeightStack &stack, const InputStatistics &statistics,
               const MatrixLayout &layout, const QuantizationOptions &options);

/// What the error of each row costs under feedback over rows (see
/// StackPanel::outputMoment), to be used as StackPanel::rowWeights: the
/// diagonal of the moment times the share of it that later rows cannot make
/// good.
llvm::Expected<std::vector<float>>
rowWeightsUnderFeedback(llvm::StringRef name,
                        const std::vector<float> &outputMoment, int64_t rows,
                        const QuantizationOptions &options);

/// Keeps a stack at 16 bits: input order, all scales 1. Fails on weights that
/// are not finite or beyond the range of a half.
llvm::Expected<QuantizedMatrix> makeHalfMatrix(const WeightStack &stack);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_QUANTIZE_H
