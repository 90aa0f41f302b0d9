//===- AllocateBits.cpp - one multiplier for the whole model --------------===//

#include "picollm/Quantization/BitWidths.h"
#include "picollm/Solver/BitAllocation.h"
#include "llvm/Support/Format.h"
#include <algorithm>
#include <cmath>
#include <numeric>

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

static int64_t blockColumnsOf(const LossTable &table, size_t block) {
  int64_t begin = static_cast<int64_t>(block) * table.widthColumns;
  return std::min(table.widthColumns, table.columns - begin);
}

/// Bytes of the tiles of a block.
static int64_t blockBytes(int64_t rows, int64_t columns, int64_t bits) {
  return storedRows(rows) * columns * bits / 8;
}

static AllocationProblem makeProblem(llvm::ArrayRef<LossTable> tables) {
  AllocationProblem problem;
  for (const LossTable &table : tables)
    for (size_t p = 0; p < table.rows.size(); ++p)
      for (size_t block = 0; block < table.losses[p].size(); ++block) {
        AllocationItem &item = problem.items.emplace_back();
        for (size_t width = 0; width < candidateWidths.size(); ++width)
          item.candidates.push_back(
              {candidateWidths[width],
               blockBytes(table.rows[p], blockColumnsOf(table, block),
                          candidateWidths[width]),
               table.losses[p][block][width]});
      }
  return problem;
}

/// Orders the blocks of a stack by falling widths, those of the first panel
/// first, and joins neighbours of equal width. `widths`: [panel][block], as
/// indices into candidateWidths.
static StackAllocation
makeStackAllocation(const LossTable &table,
                    const std::vector<std::vector<size_t>> &widths) {
  std::vector<size_t> blocks(widths.front().size());
  std::iota(blocks.begin(), blocks.end(), size_t(0));
  // A shorter last block may move too: every block is a multiple of a step.
  std::sort(blocks.begin(), blocks.end(), [&](size_t a, size_t b) {
    for (const std::vector<size_t> &panel : widths)
      if (panel[a] != panel[b])
        return panel[a] > panel[b];
    return a < b;
  });
  StackAllocation stack;
  stack.layout.columns = table.columns;
  for (size_t block : blocks) {
    auto first = table.order.begin() + block * table.widthColumns;
    stack.order.insert(stack.order.end(), first,
                       first + blockColumnsOf(table, block));
  }
  for (size_t p = 0; p < widths.size(); ++p) {
    Panel &panel = stack.layout.panels.emplace_back();
    panel.rows = table.rows[p];
    double &loss = stack.losses.emplace_back();
    for (size_t block : blocks) {
      int64_t bits = candidateWidths[widths[p][block]];
      int64_t columns = blockColumnsOf(table, block);
      loss += table.losses[p][block][widths[p][block]];
      if (!panel.segments.empty() && panel.segments.back().bits == bits)
        panel.segments.back().columns += columns;
      else
        panel.segments.push_back({bits, columns});
    }
  }
  return stack;
}

static std::vector<StackAllocation>
makeStacks(llvm::ArrayRef<LossTable> tables,
           const std::vector<size_t> &choices) {
  std::vector<StackAllocation> stacks;
  auto choice = choices.begin();
  for (const LossTable &table : tables) {
    std::vector<std::vector<size_t>> widths;
    for (const std::vector<LossTable::Losses> &panel : table.losses) {
      widths.emplace_back(choice, choice + panel.size());
      choice += panel.size();
    }
    stacks.push_back(makeStackAllocation(table, widths));
  }
  return stacks;
}

static int64_t bytesOf(llvm::ArrayRef<StackAllocation> stacks) {
  int64_t bytes = 0;
  for (const StackAllocation &stack : stacks)
    bytes += matrixBytes(stack.layout);
  return bytes;
}

/// Bytes of the file with every block at one width.
static int64_t uniformBytes(llvm::ArrayRef<LossTable> tables, size_t width,
                            const FileBudget &budget, size_t items) {
  return budget.fixedBytes +
         bytesOf(makeStacks(tables, std::vector<size_t>(items, width)));
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

llvm::Expected<Allocation>
picollm::allocateBits(llvm::ArrayRef<LossTable> tables,
                      const FileBudget &budget) {
  AllocationProblem problem = makeProblem(tables);
  size_t items = problem.items.size();
  int64_t smallest = uniformBytes(tables, 0, budget, items);
  int64_t largest =
      uniformBytes(tables, candidateWidths.size() - 1, budget, items);
  if (budget.fileBytes < smallest || budget.fileBytes > largest)
    return llvm::createStringError(
        "budget of %s does not fit this model, whose weight file takes between "
        "%s and %s; choose --bits or --size between these",
        describe(budget.fileBytes, budget.weights).c_str(),
        describe(smallest, budget.weights).c_str(),
        describe(largest, budget.weights).c_str());

  // Scales of segments and the padding of tiles depend on the answer: solve,
  // count, and give back what they take more or less.
  int64_t overhead = smallest;
  for (int attempt = 0; attempt < 16; ++attempt) {
    problem.budget = budget.fileBytes - overhead;
    if (problem.budget < 0)
      problem.budget = 0;
    llvm::Expected<AllocationSolution> solution = solveAllocation(problem);
    if (!solution)
      return solution.takeError();
    Allocation allocation;
    allocation.stacks = makeStacks(tables, solution->choice);
    allocation.multiplier = solution->multiplier;
    allocation.fileBytes = budget.fixedBytes + bytesOf(allocation.stacks);
    if (allocation.fileBytes <= budget.fileBytes)
      return allocation;
    overhead += std::max<int64_t>(allocation.fileBytes - budget.fileBytes, 64);
  }
  return llvm::createStringError(
      "budget of %s cannot be met; choose a larger --bits or --size",
      describe(budget.fileBytes, budget.weights).c_str());
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
