//===- AllocationTables.cpp - loss tables as an allocation problem --------===//

#include "AllocationTables.h"
#include <algorithm>
#include <numeric>

using namespace picollm;

int64_t LossTable::blockColumns(size_t block) const {
  int64_t begin = static_cast<int64_t>(block) * widthColumns;
  return std::min(widthColumns, columns - begin);
}

/// Bytes of the tiles of a block.
static int64_t blockBytes(int64_t rows, int64_t columns, int64_t bits) {
  return storedRows(rows) * columns * bits / 8;
}

AllocationProblem picollm::makeProblem(llvm::ArrayRef<LossTable> tables) {
  AllocationProblem problem;
  for (const LossTable &table : tables)
    for (size_t p = 0; p < table.rows.size(); ++p)
      for (size_t block = 0; block < table.losses[p].size(); ++block) {
        AllocationItem &item = problem.items.emplace_back();
        for (size_t width = 0; width < candidateWidths.size(); ++width)
          item.candidates.push_back(
              {candidateWidths[width],
               blockBytes(table.rows[p], table.blockColumns(block),
                          candidateWidths[width]),
               table.losses[p][block][width]});
      }
  return problem;
}

/// The blocks of a stack in the order in which they are stored.
static std::vector<size_t> storedBlocks(const BlockWidths &widths) {
  std::vector<size_t> blocks(widths.front().size());
  std::iota(blocks.begin(), blocks.end(), size_t(0));
  // A shorter last block may move too: every block is a multiple of a step.
  std::sort(blocks.begin(), blocks.end(), [&](size_t a, size_t b) {
    for (const std::vector<size_t> &panel : widths)
      if (panel[a] != panel[b])
        return panel[a] > panel[b];
    return a < b;
  });
  return blocks;
}

static MatrixLayout makeLayout(const LossTable &table,
                               const BlockWidths &widths,
                               llvm::ArrayRef<size_t> blocks) {
  MatrixLayout layout;
  layout.columns = table.columns;
  for (size_t p = 0; p < widths.size(); ++p) {
    Panel &panel = layout.panels.emplace_back();
    panel.rows = table.rows[p];
    for (size_t block : blocks) {
      int64_t bits = candidateWidths[widths[p][block]];
      int64_t columns = table.blockColumns(block);
      if (!panel.segments.empty() && panel.segments.back().bits == bits)
        panel.segments.back().columns += columns;
      else
        panel.segments.push_back({bits, columns});
    }
  }
  return layout;
}

StackAllocation picollm::makeStackAllocation(const LossTable &table,
                                             const BlockWidths &widths) {
  std::vector<size_t> blocks = storedBlocks(widths);
  StackAllocation stack;
  stack.layout = makeLayout(table, widths, blocks);
  for (size_t block : blocks) {
    auto first = table.order.begin() + block * table.widthColumns;
    stack.order.insert(stack.order.end(), first,
                       first + table.blockColumns(block));
  }
  stack.losses = panelLosses(table, widths);
  return stack;
}

std::vector<double> picollm::panelLosses(const LossTable &table,
                                         const BlockWidths &widths) {
  std::vector<double> losses(widths.size(), 0.0);
  for (size_t p = 0; p < widths.size(); ++p)
    for (size_t block = 0; block < widths[p].size(); ++block)
      losses[p] += table.losses[p][block][widths[p][block]];
  return losses;
}

double picollm::sumOfLosses(llvm::ArrayRef<StackAllocation> stacks) {
  double sum = 0;
  for (const StackAllocation &stack : stacks)
    sum = std::accumulate(stack.losses.begin(), stack.losses.end(), sum);
  return sum;
}

/// The width of each stored column of a panel, as an index into
/// candidateWidths.
static std::vector<size_t> columnWidths(const Panel &panel) {
  std::vector<size_t> widths;
  for (const Segment &segment : panel.segments) {
    auto width =
        std::find(candidateWidths.begin(), candidateWidths.end(), segment.bits);
    widths.insert(widths.end(), segment.columns,
                  width - candidateWidths.begin());
  }
  return widths;
}

std::vector<size_t> picollm::storedPositions(const LossTable &table,
                                             const StackAllocation &stack) {
  llvm::ArrayRef<uint32_t> order = stack.order;
  if (order.empty())
    order = table.order;
  std::vector<size_t> positions(table.columns);
  for (size_t j = 0; j < order.size(); ++j)
    positions[order[j]] = j;
  return positions;
}

std::optional<BlockWidths>
picollm::blockWidthsOf(const LossTable &table, const StackAllocation &stack) {
  if (stack.layout.columns != table.columns ||
      stack.layout.panelRows() != table.rows ||
      table.losses.size() != table.rows.size())
    return std::nullopt;
  const std::vector<size_t> stored = storedPositions(table, stack);
  BlockWidths widths;
  for (size_t p = 0; p < table.rows.size(); ++p) {
    std::vector<size_t> ofColumn = columnWidths(stack.layout.panels[p]);
    std::vector<size_t> &panel = widths.emplace_back();
    for (size_t block = 0; block < table.losses[p].size(); ++block) {
      const uint32_t *column = &table.order[block * table.widthColumns];
      const uint32_t *end = column + table.blockColumns(block);
      panel.push_back(ofColumn[stored[*column]]);
      for (; column != end; ++column)
        if (ofColumn[stored[*column]] != panel.back())
          return std::nullopt;
    }
  }
  return widths;
}

int64_t picollm::uniformBytes(llvm::ArrayRef<LossTable> tables, size_t width,
                              int64_t fixedBytes) {
  int64_t bytes = fixedBytes;
  for (const LossTable &table : tables) {
    BlockWidths widths;
    for (const std::vector<LossTable::Losses> &panel : table.losses)
      widths.emplace_back(panel.size(), width);
    bytes += matrixBytes(makeLayout(table, widths, storedBlocks(widths)));
  }
  return bytes;
}

ChosenWidths::ChosenWidths(llvm::ArrayRef<LossTable> tables,
                           llvm::ArrayRef<size_t> choices, int64_t fixedBytes)
    : tables(tables), bytes(fixedBytes) {
  for (size_t t = 0; t < tables.size(); ++t) {
    BlockWidths &ofStack = widths.emplace_back();
    for (size_t p = 0; p < tables[t].losses.size(); ++p) {
      size_t blocks = tables[t].losses[p].size();
      ofStack.emplace_back(choices.begin(), choices.begin() + blocks);
      choices = choices.drop_front(blocks);
      for (size_t block = 0; block < blocks; ++block)
        positions.push_back({t, p, block});
    }
    stackBytes.push_back(
        matrixBytes(makeLayout(tables[t], ofStack, storedBlocks(ofStack))));
    bytes += stackBytes.back();
  }
}

size_t ChosenWidths::widthOf(size_t item) const {
  const Position &at = positions[item];
  return widths[at.table][at.panel][at.block];
}

int64_t ChosenWidths::bytesWith(const Position &at, size_t width) const {
  BlockWidths changed = widths[at.table];
  changed[at.panel][at.block] = width;
  return matrixBytes(
      makeLayout(tables[at.table], changed, storedBlocks(changed)));
}

int64_t ChosenWidths::growth(size_t item, size_t width) const {
  const Position &at = positions[item];
  return bytesWith(at, width) - stackBytes[at.table];
}

int64_t ChosenWidths::largestOverhead(size_t item) const {
  // A block that moves adds or takes at most three segments of a panel, whose
  // scales are less than a part's alignment; tiles are padded once more.
  return partAlignment * int64_t(widths[positions[item].table].size() + 1);
}

void ChosenWidths::set(size_t item, size_t width) {
  const Position &at = positions[item];
  int64_t next = bytesWith(at, width);
  bytes += next - stackBytes[at.table];
  stackBytes[at.table] = next;
  widths[at.table][at.panel][at.block] = width;
}

std::vector<StackAllocation> ChosenWidths::stacks() const {
  std::vector<StackAllocation> stacks;
  for (size_t t = 0; t < tables.size(); ++t)
    stacks.push_back(makeStackAllocation(tables[t], widths[t]));
  return stacks;
}
