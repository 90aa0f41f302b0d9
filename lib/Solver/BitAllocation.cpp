//===- BitAllocation.cpp - one choice per item within a budget ------------===//

#include "picollm/Solver/BitAllocation.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

using namespace picollm;

namespace {

/// A step along the lower convex hull of one item.
struct Edge {
  size_t item, to; ///< candidate that it leads to
  int64_t cost;
  double saved; ///< loss

  double slope() const { return saved / static_cast<double>(cost); }
};

/// The hull's first candidate and its edges, slopes falling.
struct Hull {
  size_t first = 0;
  std::vector<Edge> edges;
};

/// The way from the cheapest choice of every item to its least loss, along the
/// hulls of all of them, steepest edge first.
struct Descent {
  std::vector<size_t> choice; ///< where it starts
  int64_t cost = 0;
  double loss = 0;
  std::vector<Edge> edges;
};

} // namespace

static llvm::Error invalid(const char *message, size_t item) {
  return llvm::createStringError("allocation item %zu %s", item, message);
}

static int64_t sumOfExtremes(const std::vector<AllocationItem> &items,
                             bool largest) {
  int64_t sum = 0;
  for (const AllocationItem &item : items) {
    auto [least, most] = std::minmax_element(
        item.candidates.begin(), item.candidates.end(),
        [](const auto &a, const auto &b) { return a.cost < b.cost; });
    sum += (largest ? most : least)->cost;
  }
  return sum;
}

int64_t AllocationProblem::smallestCost() const {
  return sumOfExtremes(items, false);
}

int64_t AllocationProblem::largestCost() const {
  return sumOfExtremes(items, true);
}

llvm::Error AllocationProblem::check() const {
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].candidates.empty())
      return invalid("has no candidates", i);
    for (const AllocationCandidate &candidate : items[i].candidates) {
      if (candidate.cost < 0)
        return invalid("has a negative cost", i);
      if (!std::isfinite(candidate.loss) || candidate.loss < 0)
        return invalid("has a loss that is negative or not finite", i);
    }
  }
  if (budget < smallestCost())
    return llvm::createStringError(
        "budget of %lld is below the smallest possible cost of %lld",
        static_cast<long long>(budget), static_cast<long long>(smallestCost()));
  return llvm::Error::success();
}

llvm::Error
AllocationProblem::verify(const AllocationSolution &solution) const {
  if (solution.choice.size() != items.size())
    return llvm::createStringError("solution has %zu choices for %zu items",
                                   solution.choice.size(), items.size());
  // Below 0 the Lagrangian is no bound.
  if (!std::isfinite(solution.multiplier) || solution.multiplier < 0)
    return llvm::createStringError(
        "solution has a multiplier of %g, expected 0 or more",
        solution.multiplier);
  int64_t cost = 0;
  double loss = 0;
  double bound = -solution.multiplier * static_cast<double>(budget);
  for (size_t i = 0; i < items.size(); ++i) {
    const std::vector<AllocationCandidate> &candidates = items[i].candidates;
    if (solution.choice[i] >= candidates.size())
      return invalid("has a choice that does not exist", i);
    cost += candidates[solution.choice[i]].cost;
    loss += candidates[solution.choice[i]].loss;
    double least = INFINITY;
    for (const AllocationCandidate &candidate : candidates)
      least = std::min(least, candidate.loss +
                                  solution.multiplier *
                                      static_cast<double>(candidate.cost));
    bound += least;
  }
  // The Lagrangian sums terms far larger than itself.
  double tolerance =
      1e-9 * (loss + solution.multiplier * static_cast<double>(budget));
  if (cost != solution.cost || cost > budget)
    return llvm::createStringError("solution costs %lld of a budget of %lld",
                                   static_cast<long long>(cost),
                                   static_cast<long long>(budget));
  // Written so that numbers that are none fail too.
  if (!(std::fabs(loss - solution.loss) <= tolerance))
    return llvm::createStringError("solution loses %g, stated is %g", loss,
                                   solution.loss);
  if (!(std::fabs(bound - solution.bound) <= tolerance))
    return llvm::createStringError("solution has a bound of %g, stated is %g",
                                   bound, solution.bound);
  if (!(loss - bound <= solution.gap + tolerance))
    return llvm::createStringError(
        "solution loses %g, more than %g above the bound of %g", loss,
        solution.gap, bound);
  return llvm::Error::success();
}

/// Lower convex hull of the candidates from the cheapest to the one of least
/// loss (Andrew's monotone chain).
static Hull lowerHull(const AllocationItem &item, size_t index) {
  const std::vector<AllocationCandidate> &c = item.candidates;
  std::vector<size_t> order(c.size()), chain;
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(c[a].cost, c[a].loss, a) <
           std::tie(c[b].cost, c[b].loss, b);
  });
  for (size_t next : order) {
    if (!chain.empty() && c[next].loss >= c[chain.back()].loss)
      continue;
    while (chain.size() >= 2) {
      const AllocationCandidate &a = c[chain[chain.size() - 2]];
      const AllocationCandidate &b = c[chain.back()];
      double before = (a.loss - b.loss) / double(b.cost - a.cost);
      double after = (b.loss - c[next].loss) / double(c[next].cost - b.cost);
      if (before > after)
        break;
      chain.pop_back();
    }
    chain.push_back(next);
  }
  Hull hull;
  hull.first = chain.front();
  for (size_t k = 1; k < chain.size(); ++k)
    hull.edges.push_back({index, chain[k],
                          c[chain[k]].cost - c[chain[k - 1]].cost,
                          c[chain[k - 1]].loss - c[chain[k]].loss});
  return hull;
}

static Descent descentOf(const AllocationProblem &problem) {
  Descent descent;
  for (size_t i = 0; i < problem.items.size(); ++i) {
    Hull hull = lowerHull(problem.items[i], i);
    const AllocationCandidate &first = problem.items[i].candidates[hull.first];
    descent.choice.push_back(hull.first);
    descent.cost += first.cost;
    descent.loss += first.loss;
    descent.edges.insert(descent.edges.end(), hull.edges.begin(),
                         hull.edges.end());
  }
  // The slopes of one item fall strictly, so its edges stay in order.
  std::sort(descent.edges.begin(), descent.edges.end(),
            [](const Edge &a, const Edge &b) {
              return a.slope() != b.slope() ? a.slope() > b.slope()
                                            : a.item < b.item;
            });
  return descent;
}

/// Spends what is left of the budget: repeatedly the change of one item that
/// saves most loss per cost and fits, hull or not.
static void fillRest(const AllocationProblem &problem,
                     AllocationSolution &solution) {
  for (;;) {
    int64_t left = problem.budget - solution.cost;
    size_t bestItem = 0, bestCandidate = 0;
    double bestRate = 0;
    for (size_t i = 0; i < problem.items.size(); ++i) {
      const std::vector<AllocationCandidate> &c = problem.items[i].candidates;
      const AllocationCandidate &now = c[solution.choice[i]];
      for (size_t k = 0; k < c.size(); ++k) {
        double saved = now.loss - c[k].loss;
        int64_t cost = c[k].cost - now.cost;
        if (saved <= 0 || cost > left)
          continue;
        double rate = cost > 0 ? saved / double(cost) : INFINITY;
        if (rate > bestRate) {
          bestRate = rate;
          bestItem = i;
          bestCandidate = k;
        }
      }
    }
    if (bestRate == 0)
      return;
    const std::vector<AllocationCandidate> &c =
        problem.items[bestItem].candidates;
    solution.cost += c[bestCandidate].cost - c[solution.choice[bestItem]].cost;
    solution.choice[bestItem] = bestCandidate;
  }
}

llvm::Expected<AllocationSolution>
picollm::solveAllocation(const AllocationProblem &problem) {
  if (llvm::Error error = problem.check())
    return error;
  Descent descent = descentOf(problem);
  AllocationSolution solution;
  solution.choice = std::move(descent.choice);
  solution.cost = descent.cost;
  for (const Edge &edge : descent.edges) {
    if (solution.cost + edge.cost > problem.budget) {
      solution.multiplier = edge.slope();
      solution.gap = edge.saved;
      break;
    }
    solution.choice[edge.item] = edge.to;
    solution.cost += edge.cost;
  }
  fillRest(problem, solution);
  solution.bound = -solution.multiplier * static_cast<double>(problem.budget);
  for (size_t i = 0; i < problem.items.size(); ++i) {
    const std::vector<AllocationCandidate> &c = problem.items[i].candidates;
    solution.loss += c[solution.choice[i]].loss;
    double least = INFINITY;
    for (const AllocationCandidate &candidate : c)
      least = std::min(least, candidate.loss +
                                  solution.multiplier * double(candidate.cost));
    solution.bound += least;
  }
  if (llvm::Error error = problem.verify(solution))
    return error;
  return solution;
}

llvm::Expected<std::vector<AllocationPoint>>
picollm::traceAllocations(const AllocationProblem &problem) {
  if (llvm::Error error = problem.check())
    return error;
  Descent descent = descentOf(problem);
  std::vector<AllocationPoint> points = {{descent.cost, descent.loss}};
  for (const Edge &edge : descent.edges) {
    AllocationPoint next = points.back();
    next.cost += edge.cost;
    next.loss = std::max(0.0, next.loss - edge.saved); // rounding
    if (next.cost > problem.budget)
      break;
    points.push_back(next);
  }
  return points;
}
