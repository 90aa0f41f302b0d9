//===- BitWidths.h - how many bits each column deserves ---------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_BITWIDTHS_H
#define PICOLLM_QUANTIZATION_BITWIDTHS_H

#include "picollm/Layout/Layout.h"
#include "picollm/Quantization/WeightStack.h"
#include "llvm/ADT/ArrayRef.h"
#include <array>

namespace picollm {

/// Widths that a block of columns may get.
inline constexpr std::array<int64_t, 10> candidateWidths = {0, 1, 2, 3, 4,
                                                            5, 6, 7, 8, 16};

/// What each block of columns of a stack would lose at each width, in units of
/// the squared output error E[f_i (y_i - y'_i)^2] summed over rows, as error
/// feedback leaves it.
struct LossTable {
  using Losses = std::array<double, candidateWidths.size()>;

  std::string name;
  int64_t columns = 0;
  int64_t widthColumns = 0;    ///< of a block; the last may be shorter
  std::vector<int64_t> rows;   ///< of each panel
  std::vector<uint32_t> order; ///< input columns by falling importance
  /// [panel][block of `order`], parallel to candidateWidths.
  std::vector<std::vector<Losses>> losses;
  /// WeightStack::rowWeights.
  std::vector<float> rowWeights;
};

/// Measures the losses of a stack on all its rows. Fails on invalid input and
/// on weights that are not finite.
llvm::Expected<LossTable> measureLosses(const WeightStack &stack,
                                        const InputStatistics &statistics,
                                        const QuantizationOptions &options);

/// The layout of one stack.
struct StackAllocation {
  MatrixLayout layout;
  std::vector<uint32_t> order; ///< input column of each stored column
  std::vector<double> losses;  ///< expected, per panel; may be empty
};

struct Allocation {
  std::vector<StackAllocation> stacks;
  int64_t fileBytes = 0; ///< of the weight file
  double multiplier = 0; ///< loss saved by one more byte
};

/// How large the weight file may be.
struct FileBudget {
  int64_t fileBytes = 0;
  /// Bytes of everything that is not allocated: header, norms, matrices kept
  /// at 16 bits; a multiple of 64.
  int64_t fixedBytes = 0;
  /// Weights of the model, for bits per weight in messages.
  int64_t weights = 0;

  /// A whole file of `bits` per weight.
  static FileBudget ofBits(double bits, int64_t weights, int64_t fixedBytes);
};

/// Chooses the widths of all blocks of all stacks with one multiplier, so that
/// the file takes at most budget.fileBytes. Blocks are stored by falling
/// width. Fails where the budget is too small or too large, naming the limits.
llvm::Expected<Allocation> allocateBits(llvm::ArrayRef<LossTable> tables,
                                        const FileBudget &budget);

/// One segment of `bits` over all columns in input order, the layout of
/// schemes without allocation. `group`: see Segment.
StackAllocation uniformAllocation(const WeightStack &stack, int64_t bits,
                                  int64_t group = 0);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_BITWIDTHS_H
