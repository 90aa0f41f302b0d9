//===- RowPanels.h - where the rows of a matrix are cut ---------*- C++ -*-===//
//
// Rows of one matrix may be cut into panels, each with widths of its own: what
// an error costs differs by orders of magnitude between rows of an embedding,
// whose tokens run roughly from frequent to rare.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_QUANTIZATION_ROWPANELS_H
#define PICOLLM_QUANTIZATION_ROWPANELS_H

#include "picollm/Quantization/WeightStack.h"
#include "llvm/ADT/ArrayRef.h"

namespace picollm {

/// Rows of each panel that consecutive rows should be cut into. `densities`:
/// what an error of each row costs, relative to the row's size; finite, not
/// negative. At equal bits per weight, the best widths leave panels of n rows
/// and mean density d a loss in proportion to exp(sum n log d / sum n): 4^-b is
/// the same share of every panel (reverse water-filling, Cover and Thomas,
/// "Elements of Information Theory", 10.3.3). Cuts greedily while one more
/// panel takes options.panelGain off that loss; borders are multiples of
/// tileRows.
std::vector<int64_t> cutRows(llvm::ArrayRef<double> densities,
                             const QuantizationOptions &options);

/// The stack with its rows as panels of `rows` each. Fails unless these divide
/// the rows of every panel of `stack`.
llvm::Expected<WeightStack> cutIntoPanels(WeightStack stack,
                                          llvm::ArrayRef<int64_t> rows);

/// A single matrix cut by the weights and sizes of its rows, see cutRows. Fails
/// on invalid input and on weights that are not finite.
llvm::Expected<WeightStack> cutByLoss(const WeightStack &matrix,
                                      const QuantizationOptions &options);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_ROWPANELS_H
