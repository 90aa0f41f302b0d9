//===- BitWidths.h - how many bits each column deserves ---------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_BITWIDTHS_H
#define PICOLLM_QUANTIZATION_BITWIDTHS_H

#include "picollm/Layout/Layout.h"
#include "picollm/Quantization/WeightStack.h"
#include "llvm/ADT/ArrayRef.h"
#include <array>
#include <optional>

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

  /// Columns of a block.
  int64_t blockColumns(size_t block) const;
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

/// How near an allocation comes to the best that its budget allows. Losses are
/// sums over all stacks, in the unit of LossTable.
struct Optimality {
  double loss = 0; ///< expected
  /// No allocation within the budget loses less: the Lagrangian at the
  /// multiplier, which is the optimum of the linear program.
  double bound = 0;
  double multiplier = 0; ///< loss saved by one more byte

  /// How far at most the loss is above the least, as a share of that: the
  /// duality gap relative to the bound.
  double gap() const { return bound > 0 ? (loss - bound) / bound : 0.0; }
};

struct Allocation {
  std::vector<StackAllocation> stacks;
  int64_t fileBytes = 0; ///< of the weight file
  /// Absent where the losses are not those of the widths.
  std::optional<Optimality> optimality;
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
/// the file takes at most budget.fileBytes, and so much of it that no block
/// could be widened to lose less. Blocks are stored by falling width. Fails
/// where the budget is too small or too large, naming the limits.
llvm::Expected<Allocation> allocateBits(llvm::ArrayRef<LossTable> tables,
                                        const FileBudget &budget);

/// Counts the file of an allocation again and looks its losses up again: fails
/// where it states other ones, is beyond the budget or loses less than its
/// bound. What allocateBits returns has passed.
llvm::Error verifyAllocation(llvm::ArrayRef<LossTable> tables,
                             const FileBudget &budget,
                             const Allocation &allocation);

/// The width of each block of a table: [panel][block], as indices into
/// candidateWidths.
using BlockWidths = std::vector<std::vector<size_t>>;

/// Where each input column of a stack is stored: in the allocation's order, or,
/// where it has none, in that of the losses.
std::vector<size_t> storedPositions(const LossTable &table,
                                    const StackAllocation &stack);

/// The widths that a layout gives to the blocks of `table`. Nothing where it
/// cuts the rows elsewhere, or a block has columns of several widths.
std::optional<BlockWidths> blockWidthsOf(const LossTable &table,
                                         const StackAllocation &stack);

/// What the blocks of each panel lose at these widths.
std::vector<double> panelLosses(const LossTable &table,
                                const BlockWidths &widths);

/// Of all panels of all stacks.
double sumOfLosses(llvm::ArrayRef<StackAllocation> stacks);

/// How near an allocation that loses `loss` comes to the best one of at most
/// budget.fileBytes.
llvm::Expected<Optimality> measureOptimality(llvm::ArrayRef<LossTable> tables,
                                             const FileBudget &budget,
                                             double loss);

/// A point of the curve of least loss over the size of the weight file.
struct RateDistortionPoint {
  int64_t fileBytes = 0;
  double loss = 0;
};

/// The curve from the smallest to the largest file, at most `points` vertices
/// of it, about evenly spaced in bytes. fixedBytes: see FileBudget.
llvm::Expected<std::vector<RateDistortionPoint>>
traceRateDistortion(llvm::ArrayRef<LossTable> tables, int64_t fixedBytes,
                    size_t points);

/// One segment of `bits` over all columns in input order, the layout of
/// schemes without allocation. `group`: see Segment.
StackAllocation uniformAllocation(const WeightStack &stack, int64_t bits,
                                  int64_t group = 0);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_BITWIDTHS_H
