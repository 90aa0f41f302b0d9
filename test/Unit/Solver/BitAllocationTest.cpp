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
  EXPECT_NE(message(bad), "");
  bad = good;
  bad.choice[0] = 99;
  EXPECT_NE(message(bad), "");
  bad = good;
  bad.cost -= 1;
  EXPECT_NE(message(bad), "");
  bad = good;
  bad.loss *= 0.5;
  EXPECT_NE(message(bad), "");
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
