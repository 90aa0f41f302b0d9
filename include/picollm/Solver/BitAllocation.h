//===- BitAllocation.h - one choice per item within a budget ----*- C++ -*-===//
//
//   minimise sum_k loss_k(choice_k)  subject to  sum_k cost_k(choice_k) <=
//   budget
//
// Separable, so one Lagrange multiplier serves all items (Everett 1963; Shoham
// and Gersho 1988, "Efficient bit allocation for an arbitrary set of
// quantizers"): on the lower convex hull of each item's (cost, loss) points the
// choice that minimises loss + multiplier * cost is optimal, and the loss is
// within the one hull edge that no longer fits of the true optimum.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_SOLVER_BITALLOCATION_H
#define PICOLLM_SOLVER_BITALLOCATION_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace picollm {

/// One way to store an item.
struct AllocationCandidate {
  int64_t bits = 0; ///< name of the choice: its width
  int64_t cost = 0; ///< in the unit of the budget, not negative
  double loss = 0;  ///< finite, not negative
};

struct AllocationItem {
  std::vector<AllocationCandidate> candidates; ///< at least one, any order
};

struct AllocationSolution {
  std::vector<size_t> choice; ///< per item the index of its candidate
  int64_t cost = 0;
  double loss = 0;
  double multiplier = 0; ///< loss saved per unit of cost at the margin; 0:
                         ///< every item has its least loss
  double bound = 0;      ///< no choice within the budget loses less than this
  double gap = 0;        ///< loss - bound is at most this: one hull edge
};

struct AllocationProblem {
  std::vector<AllocationItem> items;
  int64_t budget = 0;

  /// Sums of the cheapest and of the dearest candidates.
  int64_t smallestCost() const;
  int64_t largestCost() const;

  /// Fails on an item without candidates, a negative or infinite number, or a
  /// budget below smallestCost().
  llvm::Error check() const;

  /// Checks a solution from scratch: indices, sums, budget and the distance to
  /// the Lagrangian bound at its multiplier.
  llvm::Error verify(const AllocationSolution &solution) const;
};

/// What the optimal solution for one budget costs and loses.
struct AllocationPoint {
  int64_t cost = 0;
  double loss = 0;
};

/// Solves to within one hull edge of the optimum, then spends what is left
/// where it saves most. The result is verified before it is returned.
llvm::Expected<AllocationSolution>
solveAllocation(const AllocationProblem &problem);

/// The vertices of the curve of least loss over cost, from the smallest cost to
/// the last that is within the budget. Each is the optimum for a budget of its
/// own cost, and no solution lies below the lines between them.
llvm::Expected<std::vector<AllocationPoint>>
traceAllocations(const AllocationProblem &problem);

} // namespace picollm

#endif // PICOLLM_SOLVER_BITALLOCATION_H
