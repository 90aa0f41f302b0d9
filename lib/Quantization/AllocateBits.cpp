//===- AllocateBits.cpp - one multiplier for the whole model --------------===//

#include "AllocationTables.h"
#include "llvm/Support/Format.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

using namespace picollm;

FileBudget FileBudget::ofBits(double bits, int64_t weights,
                              int64_t fixedBytes) {
  FileBudget budget;
  // A user may ask for 1e300 bits, which is then refused as too large.
  double bytes = std::floor(bits * static_cast<double>(weights) / 8.0);
  constexpr double limit = 0x1p62;
  budget.fileBytes =
      bytes > 0 ? static_cast<int64_t>(std::min(bytes, limit)) : 0;
  budget.fixedBytes = fixedBytes;
  budget.weights = weights;
  return budget;
}

static std::string describe(int64_t bytes, int64_t weights) {
  std::string text = std::to_string(bytes) + " bytes";
  if (weights <= 0)
    return text;
  llvm::raw_string_ostream(text)
      << " (" << llvm::format("%.3f", 8.0 * double(bytes) / double(weights))
      << " bits per weight)";
  return text;
}

namespace {

/// Another width for one item that loses less.
struct Upgrade {
  size_t item, from, to;
  double rate; ///< loss saved by each byte of tiles
};

} // namespace

/// All upgrades that may fit into `left` bytes, the best first.
static std::vector<Upgrade> upgradesWithin(const AllocationProblem &problem,
                                           const ChosenWidths &chosen,
                                           int64_t left) {
  std::vector<Upgrade> upgrades;
  for (size_t i = 0; i < problem.items.size(); ++i) {
    const std::vector<AllocationCandidate> &c = problem.items[i].candidates;
    size_t from = chosen.widthOf(i);
    int64_t most = left + chosen.largestOverhead(i);
    for (size_t to = 0; to < c.size(); ++to) {
      double saved = c[from].loss - c[to].loss;
      int64_t cost = c[to].cost - c[from].cost;
      if (saved > 0 && cost <= most)
        upgrades.push_back(
            {i, from, to, cost > 0 ? saved / double(cost) : INFINITY});
    }
  }
  std::sort(
      upgrades.begin(), upgrades.end(), [](const Upgrade &a, const Upgrade &b) {
        return std::tie(b.rate, a.item, a.to) < std::tie(a.rate, b.item, b.to);
      });
  return upgrades;
}

/// Spends what is left of the file until no upgrade fits. Bytes are those of
/// the file, scales of segments and padding included.
static void spendRest(const AllocationProblem &problem, int64_t fileBytes,
                      ChosenWidths &chosen) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (const Upgrade &upgrade :
         upgradesWithin(problem, chosen, fileBytes - chosen.fileBytes())) {
      if (chosen.widthOf(upgrade.item) != upgrade.from ||
          chosen.fileBytes() + chosen.growth(upgrade.item, upgrade.to) >
              fileBytes)
        continue;
      chosen.set(upgrade.item, upgrade.to);
      changed = true;
    }
  }
}

/// The bytes that are left for tiles when nothing else takes more than it must:
/// a problem whose bound holds for every file.
static int64_t bytesOfTiles(llvm::ArrayRef<LossTable> tables,
                            const FileBudget &budget) {
  return budget.fileBytes - uniformBytes(tables, 0, budget.fixedBytes);
}

/// The bound is that of `solution`, which rounding may put beyond `loss`.
static Optimality optimalityOf(const AllocationSolution &solution,
                               double loss) {
  return {loss, std::clamp(solution.bound, 0.0, loss), solution.multiplier};
}

llvm::Expected<Optimality>
picollm::measureOptimality(llvm::ArrayRef<LossTable> tables,
                           const FileBudget &budget, double loss) {
  AllocationProblem problem = makeProblem(tables);
  problem.budget = bytesOfTiles(tables, budget);
  llvm::Expected<AllocationSolution> solution = solveAllocation(problem);
  if (!solution)
    return solution.takeError();
  return optimalityOf(*solution, loss);
}

static llvm::Error checkBudget(llvm::ArrayRef<LossTable> tables,
                               const FileBudget &budget) {
  int64_t smallest = uniformBytes(tables, 0, budget.fixedBytes);
  int64_t largest =
      uniformBytes(tables, candidateWidths.size() - 1, budget.fixedBytes);
  if (budget.fileBytes >= smallest && budget.fileBytes <= largest)
    return llvm::Error::success();
  bool below = budget.fileBytes < smallest;
  return llvm::createStringError(
      "budget of %s does not fit this model, whose weight file takes between "
      "%s and %s; the nearest possible is --size=%lld",
      describe(budget.fileBytes, budget.weights).c_str(),
      describe(smallest, budget.weights).c_str(),
      describe(largest, budget.weights).c_str(),
      static_cast<long long>(below ? smallest : largest));
}

/// Of sums of the same numbers in another order.
static bool isNear(double a, double b) {
  return std::fabs(a - b) <= 1e-9 * std::fabs(b);
}

llvm::Error picollm::verifyAllocation(llvm::ArrayRef<LossTable> tables,
                                      const FileBudget &budget,
                                      const Allocation &allocation) {
  if (allocation.stacks.size() != tables.size())
    return llvm::createStringError("allocation has %zu stacks for %zu tables",
                                   allocation.stacks.size(), tables.size());
  int64_t bytes = budget.fixedBytes;
  double loss = 0;
  for (auto [i, stack] : llvm::enumerate(allocation.stacks)) {
    const std::optional<BlockWidths> widths = blockWidthsOf(tables[i], stack);
    if (!widths)
      return llvm::createStringError(
          "allocation of stack %zu has a layout that its blocks do not have",
          i);
    const std::vector<double> losses = panelLosses(tables[i], *widths);
    if (!std::equal(losses.begin(), losses.end(), stack.losses.begin(),
                    stack.losses.end(), isNear))
      return llvm::createStringError(
          "allocation of stack %zu states other losses than its widths have",
          i);
    bytes += matrixBytes(stack.layout);
    loss = std::accumulate(losses.begin(), losses.end(), loss);
  }
  if (bytes != allocation.fileBytes || bytes > budget.fileBytes)
    return llvm::createStringError(
        "allocation takes %lld bytes of %lld, stated are %lld",
        static_cast<long long>(bytes), static_cast<long long>(budget.fileBytes),
        static_cast<long long>(allocation.fileBytes));
  if (const std::optional<Optimality> &stated = allocation.optimality)
    if (!isNear(stated->loss, loss) || !(stated->bound <= stated->loss))
      return llvm::createStringError(
          "allocation loses %g, stated are %g and a bound of %g", loss,
          stated->loss, stated->bound);
  return llvm::Error::success();
}

llvm::Expected<Allocation>
picollm::allocateBits(llvm::ArrayRef<LossTable> tables,
                      const FileBudget &budget) {
  if (llvm::Error error = checkBudget(tables, budget))
    return error;
  AllocationProblem problem = makeProblem(tables);
  problem.budget = bytesOfTiles(tables, budget);
  // Scales of segments and the padding of tiles depend on the answer: solve,
  // count, and solve again for less. At no bytes for tiles, nothing has more
  // than one segment, which fits.
  std::optional<AllocationSolution> first;
  for (int64_t step = partAlignment;; step *= 2) {
    llvm::Expected<AllocationSolution> solution = solveAllocation(problem);
    if (!solution)
      return solution.takeError();
    if (!first)
      first = *solution;
    ChosenWidths chosen(tables, solution->choice, budget.fixedBytes);
    int64_t over = chosen.fileBytes() - budget.fileBytes;
    if (over > 0) {
      problem.budget =
          std::max<int64_t>(problem.budget - std::max(over, step), 0);
      continue;
    }
    spendRest(problem, budget.fileBytes, chosen);
    Allocation allocation;
    allocation.stacks = chosen.stacks();
    allocation.fileBytes = chosen.fileBytes();
    allocation.optimality =
        optimalityOf(*first, sumOfLosses(allocation.stacks));
    if (llvm::Error error = verifyAllocation(tables, budget, allocation))
      return std::move(error);
    return allocation;
  }
}

llvm::Expected<std::vector<RateDistortionPoint>>
picollm::traceRateDistortion(llvm::ArrayRef<LossTable> tables,
                             int64_t fixedBytes, size_t points) {
  AllocationProblem problem = makeProblem(tables);
  problem.budget = problem.largestCost();
  llvm::Expected<std::vector<AllocationPoint>> trace =
      traceAllocations(problem);
  if (!trace)
    return trace.takeError();
  int64_t smallest = uniformBytes(tables, 0, fixedBytes);
  int64_t spacing =
      (trace->back().cost - trace->front().cost) / int64_t(points - 1) + 1;
  std::vector<RateDistortionPoint> curve;
  for (const AllocationPoint &point : *trace)
    if (curve.empty() || &point == &trace->back() ||
        smallest + point.cost - curve.back().fileBytes >= spacing)
      curve.push_back({smallest + point.cost, point.loss});
  return curve;
}

StackAllocation picollm::uniformAllocation(const WeightStack &stack,
                                           int64_t bits, int64_t group) {
  StackAllocation allocation;
  allocation.layout.columns = stack.columns;
  for (const StackPanel &panel : stack.panels)
    allocation.layout.panels.push_back(
        {panel.rows, {{bits, stack.columns, group}}});
  allocation.order.resize(stack.columns);
  std::iota(allocation.order.begin(), allocation.order.end(), 0u);
  return allocation;
}
