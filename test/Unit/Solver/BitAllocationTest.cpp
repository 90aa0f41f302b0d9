//===- BitAllocationTest.cpp ----------------------------------------------===//

#include "picollm/Solver/BitAllocation.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace picollm;

namespace {

AllocationProblem randomProblem(unsigned seed, int items, int candidates,
                                bool convex) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(0.1, 10.0);
  AllocationProblem problem;
  for (int i = 0; i < items; ++i) {
    AllocationItem &item = problem.items.emplace_back();
    double size = uniform(random);
    for (int k = 0; k < candidates; ++k)
      item.candidates.push_back(
          {k, int64_t(random() % 3 + 1) + 4 * k,
           convex ? size * std::exp2(-2.0 * k) : uniform(random)});
  }
  return problem;
}

/// Least loss for every cost up to the budget (knapsack by dynamic
/// programming, exact).
double leastLoss(const AllocationProblem &problem) {
  std::vector<double> least(problem.budget + 1, 0.0);
  for (const AllocationItem &item : problem.items) {
    std::vector<double> next(least.size(), INFINITY);
    for (size_t budget = 0; budget < least.size(); ++budget)
      for (const AllocationCandidate &c : item.candidates)
        if (c.cost <= int64_t(budget))
          next[budget] =
              std::min(next[budget], least[budget - c.cost] + c.loss);
    least = std::move(next);
  }
  return least.back();
}

/// Optimum of the linear program that lets an item be split between its
/// candidates. By duality it is the greatest Lagrangian bound; that is concave
/// and piecewise linear in the multiplier, with corners where two candidates of
/// an item are equally good, so trying all of these finds it.
double linearProgramBound(const AllocationProblem &problem) {
  std::vector<double> multipliers = {0.0};
  for (const AllocationItem &item : problem.items)
    for (const AllocationCandidate &a : item.candidates)
      for (const AllocationCandidate &b : item.candidates)
        if (a.cost < b.cost && a.loss > b.loss)
          multipliers.push_back((a.loss - b.loss) / double(b.cost - a.cost));
  double bound = -INFINITY;
  for (double multiplier : multipliers) {
    double value = -multiplier * double(problem.budget);
    for (const AllocationItem &item : problem.items) {
      double least = INFINITY;
      for (const AllocationCandidate &c : item.candidates)
        least = std::min(least, c.loss + multiplier * double(c.cost));
      value += least;
    }
    bound = std::max(bound, value);
  }
  return bound;
}

std::string failure(const AllocationProblem &problem) {
  llvm::Expected<AllocationSolution> solution = solveAllocation(problem);
  return solution ? "" : llvm::toString(solution.takeError());
}

} // namespace

TEST(BitAllocation, StaysWithinOneEdgeOfTheOptimum) {
  for (bool convex : {true, false})
    for (unsigned seed = 0; seed < 60; ++seed) {
      AllocationProblem problem = randomProblem(seed, 9, 5, convex);
      int64_t least = problem.smallestCost(), most = problem.largestCost();
      problem.budget = least + (most - least) * int64_t(seed % 10) / 9;
      AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
      double optimum = leastLoss(problem);
      EXPECT_LE(solution.cost, problem.budget);
      EXPECT_GE(solution.loss, optimum - 1e-9);
      EXPECT_LE(solution.loss, optimum + solution.gap + 1e-9);
      EXPECT_LE(solution.bound, optimum + 1e-9);
    }
}

TEST(BitAllocation, BoundIsTheOptimumOfTheLinearProgram) {
  for (bool convex : {true, false})
    for (unsigned seed = 0; seed < 60; ++seed) {
      AllocationProblem problem = randomProblem(seed, 12, 6, convex);
      int64_t least = problem.smallestCost(), most = problem.largestCost();
      problem.budget = least + (most - least) * int64_t(seed % 7) / 6;
      AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
      double bound = linearProgramBound(problem);
      EXPECT_NEAR(solution.bound, bound, 1e-9 * (1 + std::fabs(bound)));
      EXPECT_LE(bound, leastLoss(problem) + 1e-9);
    }
}

TEST(BitAllocation, TraceHasTheOptimumForEachOfItsCosts) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    AllocationProblem problem = randomProblem(seed, 8, 5, seed % 2);
    problem.budget = problem.largestCost();
    std::vector<AllocationPoint> points =
        llvm::cantFail(traceAllocations(problem));
    EXPECT_EQ(points.front().cost, problem.smallestCost());
    EXPECT_NEAR(points.back().loss, leastLoss(problem), 1e-9);
    for (const AllocationPoint &point : points) {
      problem.budget = point.cost;
      EXPECT_NEAR(point.loss, leastLoss(problem), 1e-9);
      EXPECT_NEAR(point.loss, linearProgramBound(problem), 1e-9);
    }
    // A smaller budget cuts it.
    problem.budget = points[points.size() / 2].cost;
    EXPECT_EQ(llvm::cantFail(traceAllocations(problem)).size(),
              points.size() / 2 + 1);
  }
}

TEST(BitAllocation, TraceRefusesInvalidProblems) {
  AllocationProblem problem;
  problem.items.push_back({{{1, 10, 1.0}}});
  problem.budget = 9;
  EXPECT_NE(llvm::toString(traceAllocations(problem).takeError())
                .find("smallest possible cost of 10"),
            std::string::npos);
}

TEST(BitAllocation, ManySmallItemsComeNearTheOptimum) {
  AllocationProblem problem = randomProblem(7, 200, 5, true);
  problem.budget = (problem.smallestCost() + problem.largestCost()) / 2;
  AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
  EXPECT_LE(solution.loss, 1.01 * leastLoss(problem));
  EXPECT_GE(solution.cost, problem.budget - 1);
}

TEST(BitAllocation, RoomForAllTakesTheLeastLossOfEach) {
  AllocationProblem problem = randomProblem(3, 20, 6, false);
  problem.budget = problem.largestCost();
  AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
  EXPECT_NEAR(solution.loss, leastLoss(problem), 1e-9);
  EXPECT_EQ(solution.multiplier, 0.0);
}

TEST(BitAllocation, SmallestBudgetTakesTheCheapestOfEach) {
  AllocationProblem problem = randomProblem(4, 20, 6, true);
  problem.budget = problem.smallestCost();
  AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
  EXPECT_EQ(solution.cost, problem.budget);
}

TEST(BitAllocation, DearerCandidateThatLosesMoreIsNeverTaken) {
  AllocationProblem problem;
  problem.items.push_back({{{1, 10, 1.0}, {2, 20, 5.0}, {3, 10, 0.5}}});
  problem.budget = 100;
  AllocationSolution solution = llvm::cantFail(solveAllocation(problem));
  EXPECT_EQ(solution.choice[0], 2u);
}

TEST(BitAllocation, RefusesInvalidProblems) {
  AllocationProblem problem;
  problem.budget = 5;
  problem.items.push_back({});
  EXPECT_NE(failure(problem).find("no candidates"), std::string::npos);
  problem.items[0].candidates = {{1, 10, 1.0}};
  EXPECT_NE(failure(problem).find("smallest possible cost of 10"),
            std::string::npos);
  problem.budget = 10;
  problem.items[0].candidates[0].loss =
      std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(failure(problem).find("not finite"), std::string::npos);
  problem.items[0].candidates[0] = {1, -1, 1.0};
  EXPECT_NE(failure(problem).find("negative cost"), std::string::npos);
}

TEST(BitAllocation, VerifyFindsWrongSolutions) {
  AllocationProblem problem = randomProblem(5, 10, 5, true);
  problem.budget = (problem.smallestCost() + problem.largestCost()) / 2;
  const AllocationSolution good = llvm::cantFail(solveAllocation(problem));
  auto message = [&](const AllocationSolution &solution) {
    return llvm::toString(problem.verify(solution));
  };
  EXPECT_EQ(message(good), "");
  AllocationSolution bad = good;
  bad.choice.pop_back();
  EXPECT_NE(message(bad).find("9 choices for 10 items"), std::string::npos);
  bad = good;
  bad.choice[0] = 99;
  EXPECT_NE(message(bad).find("does not exist"), std::string::npos);
  bad = good;
  bad.cost -= 1;
  EXPECT_NE(message(bad).find("costs"), std::string::npos);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double loss : {0.5 * good.loss, 2 * good.loss, nan}) {
    bad = good;
    bad.loss = loss;
    EXPECT_NE(message(bad).find("solution loses"), std::string::npos) << loss;
  }
  for (double bound : {good.loss, good.bound - 0.1, nan}) {
    bad = good;
    bad.bound = bound;
    EXPECT_NE(message(bad).find("a bound of"), std::string::npos) << bound;
  }
  for (double multiplier : {-good.multiplier, double(INFINITY), nan}) {
    bad = good;
    bad.multiplier = multiplier;
    EXPECT_NE(message(bad).find("a multiplier of"), std::string::npos);
  }
  for (double gap : {0.5 * (good.loss - good.bound), -1.0, nan}) {
    bad = good;
    bad.gap = gap;
    EXPECT_NE(message(bad).find("above the bound"), std::string::npos) << gap;
  }
  // Over the budget, all its sums right.
  problem.budget = good.cost - 1;
  EXPECT_NE(message(good).find("of a budget of"), std::string::npos);
  problem.budget = (problem.smallestCost() + problem.largestCost()) / 2;
  // Feasible, but far from the bound.
  bad = good;
  bad.cost = 0;
  bad.loss = 0;
  for (size_t i = 0; i < problem.items.size(); ++i) {
    bad.choice[i] = 0;
    bad.cost += problem.items[i].candidates[0].cost;
    bad.loss += problem.items[i].candidates[0].loss;
  }
  EXPECT_NE(message(bad).find("above the bound"), std::string::npos);
}
