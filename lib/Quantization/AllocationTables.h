//===- AllocationTables.h - loss tables as a problem ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_ALLOCATIONTABLES_H
#define PICOLLM_LIB_QUANTIZATION_ALLOCATIONTABLES_H

#include "picollm/Quantization/BitWidths.h"
#include "picollm/Solver/BitAllocation.h"

namespace picollm {

/// An item for each block of each panel of each table, in this order, with a
/// candidate for each of candidateWidths. Costs are the bytes of its tiles:
/// what else a file takes depends on the choices of others.
AllocationProblem makeProblem(llvm::ArrayRef<LossTable> tables);

/// Orders the blocks of a stack by falling widths, those of the first panel
/// first, and joins neighbours of equal width.
StackAllocation makeStackAllocation(const LossTable &table,
                                    const BlockWidths &widths);

/// Bytes of the file with every block at candidateWidths[width].
int64_t uniformBytes(llvm::ArrayRef<LossTable> tables, size_t width,
                     int64_t fixedBytes);

/// The choices of a problem as widths, and the bytes that they take.
class ChosenWidths {
public:
  ChosenWidths(llvm::ArrayRef<LossTable> tables, llvm::ArrayRef<size_t> choices,
               int64_t fixedBytes);

  int64_t fileBytes() const { return bytes; }
  size_t widthOf(size_t item) const;

  /// Bytes by which the file grows when an item gets another width.
  int64_t growth(size_t item, size_t width) const;
  /// No growth is more than that of its tiles and this off.
  int64_t largestOverhead(size_t item) const;
  void set(size_t item, size_t width);

  std::vector<StackAllocation> stacks() const;

private:
  struct Position {
    size_t table, panel, block;
  };
  int64_t bytesWith(const Position &position, size_t width) const;

  llvm::ArrayRef<LossTable> tables;
  std::vector<Position> positions; ///< of each item
  std::vector<BlockWidths> widths; ///< of each table
  std::vector<int64_t> stackBytes; ///< of each table
  int64_t bytes;                   ///< of the file
};

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_ALLOCATIONTABLES_H
