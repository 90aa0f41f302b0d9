//===- AllocateBitsTest.cpp -----------------------------------------------===//

#include "SyntheticStack.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace picollm;

namespace {

LossTable measure(const SyntheticStack &weights, const InputStatistics &input,
                  const QuantizationOptions &options = {}) {
  return llvm::cantFail(measureLosses(weights.stack, input, options));
}

int64_t fileBytes(const Allocation &allocation, int64_t fixedBytes) {
  int64_t bytes = fixedBytes;
  for (const StackAllocation &stack : allocation.stacks)
    bytes += matrixBytes(stack.layout);
  return bytes;
}

/// Losses that fall by 4 a bit from random sizes, so that every panel wants
/// other widths for its blocks and has many segments.
LossTable randomTable(unsigned seed, int64_t columns, int64_t blockColumns,
                      std::vector<int64_t> rows) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  LossTable table;
  table.name = "random" + std::to_string(seed);
  table.columns = columns;
  table.widthColumns = blockColumns;
  table.rows = std::move(rows);
  table.order.resize(columns);
  std::iota(table.order.begin(), table.order.end(), 0u);
  std::shuffle(table.order.begin(), table.order.end(), random);
  for (int64_t panelRows : table.rows) {
    auto &panel = table.losses.emplace_back();
    for (int64_t at = 0; at < columns; at += blockColumns) {
      double size = double(panelRows) * std::exp(2.5 * normal(random));
      LossTable::Losses &losses = panel.emplace_back();
      for (size_t width = 0; width < losses.size(); ++width)
        losses[width] = size * std::exp2(-2.0 * double(candidateWidths[width]));
    }
  }
  return table;
}

int64_t weightsOf(llvm::ArrayRef<LossTable> tables) {
  int64_t weights = 0;
  for (const LossTable &table : tables)
    for (int64_t rows : table.rows)
      weights += rows * table.columns;
  return weights;
}

/// The layout with one block at another width, by the rules of BitWidths.h.
MatrixLayout withWidth(const LossTable &table, BlockWidths widths, size_t panel,
                       size_t block, size_t width) {
  widths[panel][block] = width;
  std::vector<std::vector<size_t>> columns; // widths of each block, all panels
  for (size_t b = 0; b < widths[0].size(); ++b) {
    std::vector<size_t> &ofBlock = columns.emplace_back();
    for (const std::vector<size_t> &ofPanel : widths)
      ofBlock.push_back(ofPanel[b]);
  }
  // Blocks of randomTable have equal columns: their order is that of widths.
  std::sort(columns.rbegin(), columns.rend());
  MatrixLayout layout{table.columns, {}};
  for (size_t p = 0; p < widths.size(); ++p) {
    std::vector<Segment> segments;
    for (const std::vector<size_t> &ofBlock : columns) {
      int64_t bits = candidateWidths[ofBlock[p]];
      if (segments.empty() || segments.back().bits != bits)
        segments.push_back({bits, 0});
      segments.back().columns += table.widthColumns;
    }
    layout.panels.push_back({table.rows[p], segments});
  }
  return layout;
}

/// Bytes by which the cheapest change of one block that loses less makes the
/// file grow.
int64_t cheapestUpgrade(const Allocation &allocation,
                        llvm::ArrayRef<LossTable> tables) {
  int64_t cheapest = INT64_MAX;
  for (size_t t = 0; t < tables.size(); ++t) {
    const StackAllocation &stack = allocation.stacks[t];
    BlockWidths widths = blockWidthsOf(tables[t], stack).value();
    for (size_t p = 0; p < widths.size(); ++p)
      for (size_t b = 0; b < widths[p].size(); ++b)
        for (size_t to = widths[p][b] + 1; to < candidateWidths.size(); ++to)
          cheapest = std::min(
              cheapest, matrixBytes(withWidth(tables[t], widths, p, b, to)) -
                            matrixBytes(stack.layout));
  }
  return cheapest;
}

/// Width of input column `column` in panel `panel`.
int64_t widthOf(const StackAllocation &stack, size_t panel, uint32_t column) {
  size_t j = std::find(stack.order.begin(), stack.order.end(), column) -
             stack.order.begin();
  for (const Segment &segment : stack.layout.panels[panel].segments) {
    if (j < size_t(segment.columns))
      return segment.bits;
    j -= segment.columns;
  }
  return -1;
}

} // namespace

TEST(AllocateBits, EveryBudgetIsMetAndNearlySpent) {
  auto a = gaussianStack(320, {200}, 1), b = gaussianStack(192, {320, 96}, 2);
  std::vector<LossTable> tables = {measure(*a, correlatedInput(320)),
                                   measure(*b, correlatedInput(192))};
  int64_t weights = 320 * 200 + 192 * 416, fixed = 4096 + 640;
  // The smallest step that remains: one block of the smallest panel.
  int64_t step = 96 * 32 / 8;
  for (double bits : {1.5, 2.0, 2.5, 3.0, 3.7, 4.5, 6.0, 8.0, 12.0}) {
    FileBudget budget = FileBudget::ofBits(bits, weights, fixed);
    Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
    EXPECT_EQ(allocation.fileBytes, fileBytes(allocation, fixed));
    EXPECT_LE(allocation.fileBytes, budget.fileBytes) << bits;
    // Above 8 bits the next width is 16.
    const int64_t rest = (bits > 8 ? 8 : 2) * step;
    EXPECT_GE(allocation.fileBytes, budget.fileBytes - rest - 128) << bits;
    for (const StackAllocation &stack : allocation.stacks)
      llvm::cantFail(checkLayout(stack.layout));
  }
}

TEST(AllocateBits, NothingUsefulFitsInWhatIsLeft) {
  std::vector<LossTable> tables = {
      randomTable(1, 1024, 32, {64, 32, 32, 64, 32, 96}),
      randomTable(2, 512, 16, {96, 96}), randomTable(3, 256, 32, {40})};
  int64_t fixed = 4096 + 640;
  size_t segments = 0;
  for (double bits = 1.5; bits < 14; bits += 0.37) {
    FileBudget budget = FileBudget::ofBits(bits, weightsOf(tables), fixed);
    Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
    EXPECT_EQ(allocation.fileBytes, fileBytes(allocation, fixed));
    int64_t left = budget.fileBytes - allocation.fileBytes;
    EXPECT_GE(left, 0) << bits;
    EXPECT_LT(left, cheapestUpgrade(allocation, tables)) << bits;
    for (const Panel &panel : allocation.stacks[0].layout.panels)
      segments = std::max(segments, panel.segments.size());
  }
  // So many that their scales take more than one part of 64 bytes.
  EXPECT_GT(segments, 16u);
}

TEST(AllocateBits, SpoiltAnswersAreFound) {
  std::vector<LossTable> tables = {randomTable(1, 512, 32, {64, 96}),
                                   randomTable(2, 256, 16, {96})};
  const FileBudget budget = FileBudget::ofBits(3, weightsOf(tables), 4096);
  const Allocation good = llvm::cantFail(allocateBits(tables, budget));
  EXPECT_FALSE(verifyAllocation(tables, budget, good));
  auto complaint = [&](llvm::function_ref<void(Allocation &)> spoil) {
    Allocation bad = good;
    spoil(bad);
    return llvm::toString(verifyAllocation(tables, budget, bad));
  };
  EXPECT_EQ(complaint([](Allocation &a) { a.stacks.pop_back(); }),
            "allocation has 1 stacks for 2 tables");
  EXPECT_EQ(complaint([](Allocation &a) { a.stacks[1].layout.columns = 128; }),
            "allocation of stack 1 has a layout that its blocks do not have");
  EXPECT_EQ(complaint([](Allocation &a) { a.stacks[0].losses[1] *= 0.99; }),
            "allocation of stack 0 states other losses than its widths have");
  EXPECT_EQ(complaint([](Allocation &a) {
              ++a.stacks[0].layout.panels[0].segments[0].bits;
            }).substr(0, 22),
            "allocation of stack 0 ");
  EXPECT_EQ(complaint([](Allocation &a) { a.fileBytes -= 64; }).substr(0, 17),
            "allocation takes ");
  EXPECT_EQ(
      complaint([](Allocation &a) { a.optimality->loss *= 2; }).substr(0, 16),
      "allocation loses");
  EXPECT_EQ(complaint([](Allocation &a) {
              a.optimality->bound = 2 * a.optimality->loss;
            }).substr(0, 16),
            "allocation loses");
  FileBudget smaller = budget;
  smaller.fileBytes = good.fileBytes - 1;
  EXPECT_TRUE(llvm::toString(verifyAllocation(tables, smaller, good))
                  .find("allocation takes ") == 0);
}

TEST(AllocateBits, MissesTheBudgetByLessThanATenthOfAPercent) {
  std::vector<LossTable> tables;
  for (unsigned layer = 0; layer < 6; ++layer) {
    tables.push_back(randomTable(3 * layer, 576, 32, {576, 192, 192}));
    tables.push_back(randomTable(3 * layer + 1, 576, 32, {576}));
    tables.push_back(randomTable(3 * layer + 2, 576, 32, {1536, 1536}));
  }
  tables.push_back(
      randomTable(99, 576, 32, {64, 64, 128, 256, 512, 1024, 2048, 4096}));
  for (double bits : {2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 8.0}) {
    FileBudget budget = FileBudget::ofBits(bits, weightsOf(tables), 4096);
    Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
    EXPECT_LE(allocation.fileBytes, budget.fileBytes) << bits;
    EXPECT_GE(double(allocation.fileBytes), 0.999 * double(budget.fileBytes))
        << bits;
  }
}

TEST(AllocateBits, LossLiesJustAboveItsBound) {
  std::vector<LossTable> tables = {randomTable(1, 1024, 32, {64, 32, 96}),
                                   randomTable(2, 512, 16, {96, 96})};
  const std::vector<RateDistortionPoint> curve =
      llvm::cantFail(traceRateDistortion(tables, 4096, 1000000));
  for (double bits : {2.0, 3.3, 4.5, 7.0}) {
    FileBudget budget = FileBudget::ofBits(bits, weightsOf(tables), 4096);
    Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
    const Optimality &optimality = allocation.optimality.value();
    double loss = 0;
    for (const StackAllocation &stack : allocation.stacks)
      for (double panel : stack.losses)
        loss += panel;
    EXPECT_DOUBLE_EQ(optimality.loss, loss);
    EXPECT_GE(optimality.gap(), 0.0);
    EXPECT_LT(optimality.gap(), 0.05);
    // The linear program's optimum is on the line between two vertices.
    auto next = std::find_if(curve.begin(), curve.end(), [&](auto &point) {
      return point.fileBytes >= budget.fileBytes;
    });
    ASSERT_NE(next, curve.end());
    ASSERT_NE(next, curve.begin());
    auto before = std::prev(next);
    double share = double(budget.fileBytes - before->fileBytes) /
                   double(next->fileBytes - before->fileBytes);
    EXPECT_NEAR(optimality.bound,
                before->loss + share * (next->loss - before->loss),
                1e-9 * before->loss)
        << bits;
  }
}

TEST(AllocateBits, CurveFallsFromTheSmallestToTheLargestFile) {
  std::vector<LossTable> tables = {randomTable(1, 1024, 32, {64, 32, 96}),
                                   randomTable(2, 512, 16, {96, 96})};
  std::vector<RateDistortionPoint> curve =
      llvm::cantFail(traceRateDistortion(tables, 4096, 40));
  EXPECT_LE(curve.size(), 40u);
  EXPECT_GE(curve.size(), 30u);
  for (size_t i = 1; i < curve.size(); ++i) {
    EXPECT_GT(curve[i].fileBytes, curve[i - 1].fileBytes);
    EXPECT_LT(curve[i].loss, curve[i - 1].loss);
  }
  FileBudget smallest{curve.front().fileBytes, 4096, weightsOf(tables)};
  FileBudget largest{curve.back().fileBytes, 4096, weightsOf(tables)};
  for (const FileBudget &budget : {smallest, largest}) {
    Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
    EXPECT_EQ(allocation.fileBytes, budget.fileBytes);
  }
}

TEST(AllocateBits, WidthsOfBlocksAreReadFromALayout) {
  LossTable table = randomTable(5, 128, 32, {32, 64});
  Allocation allocation = llvm::cantFail(
      allocateBits(table, FileBudget::ofBits(9.0, weightsOf(table), 4096)));
  StackAllocation stack = allocation.stacks[0];
  BlockWidths widths = blockWidthsOf(table, stack).value();
  for (size_t p = 0; p < 2; ++p)
    for (size_t block = 0; block < 4; ++block)
      EXPECT_EQ(candidateWidths[widths[p][block]],
                widthOf(stack, p, table.order[32 * block]));
  EXPECT_EQ(panelLosses(table, widths), stack.losses);
  // Half a block at another width, and rows cut elsewhere.
  StackAllocation other = stack;
  other.layout.panels[0].segments = {{4, 16}, {3, 112}};
  EXPECT_EQ(blockWidthsOf(table, other), std::nullopt);
  other = stack;
  other.layout.panels[0].rows = 64;
  other.layout.panels[1].rows = 32;
  EXPECT_EQ(blockWidthsOf(table, other), std::nullopt);
}

TEST(AllocateBits, MoreBytesNeverLoseMore) {
  auto weights = gaussianStack(256, {128});
  LossTable table = measure(*weights, correlatedInput(256));
  double last = INFINITY;
  for (int64_t bytes = 12000; bytes < 60000; bytes += 3000) {
    FileBudget budget{bytes, 4096, 256 * 128};
    Allocation allocation = llvm::cantFail(allocateBits(table, budget));
    EXPECT_LE(allocation.stacks[0].losses[0], last);
    last = allocation.stacks[0].losses[0];
  }
}

TEST(AllocateBits, SmallestAndLargestFilesArePossibleAndNothingBeyond) {
  auto weights = gaussianStack(64, {64});
  LossTable table = measure(*weights, correlatedInput(64));
  int64_t smallest =
      4096 + matrixBytes(uniformAllocation(weights->stack, 0).layout);
  int64_t largest =
      4096 + matrixBytes(uniformAllocation(weights->stack, 16).layout);
  for (int64_t bytes : {smallest, largest}) {
    FileBudget budget{bytes, 4096, 64 * 64};
    EXPECT_EQ(llvm::cantFail(allocateBits(table, budget)).fileBytes, bytes);
  }
  for (int64_t bytes : {smallest - 1, largest + 1, int64_t(-5)}) {
    FileBudget budget{bytes, 4096, 64 * 64};
    llvm::Expected<Allocation> none = allocateBits(table, budget);
    ASSERT_FALSE(static_cast<bool>(none));
    std::string message = llvm::toString(none.takeError());
    EXPECT_NE(message.find(std::to_string(smallest)), std::string::npos);
    EXPECT_NE(message.find(std::to_string(largest)), std::string::npos);
    EXPECT_NE(message.find("bits per weight"), std::string::npos);
    int64_t nearest = bytes < smallest ? smallest : largest;
    EXPECT_NE(message.find("the nearest possible is --size=" +
                           std::to_string(nearest)),
              std::string::npos)
        << message;
  }
}

TEST(AllocateBits, BudgetsThatAreNoSizesAreRefused) {
  auto weights = gaussianStack(128, {64});
  LossTable table = measure(*weights, correlatedInput(128));
  for (double bits :
       {1e300, double(INFINITY), double(NAN), -1e300, -1.0, 0.0}) {
    auto allocation =
        allocateBits(table, FileBudget::ofBits(bits, 128 * 64, 4096));
    ASSERT_FALSE(bool(allocation)) << bits;
    EXPECT_NE(llvm::toString(allocation.takeError()).find("does not fit"),
              std::string::npos)
        << bits;
  }
}

TEST(AllocateBits, ColumnOfAMassiveActivationGetsTheMostBits) {
  auto weights = gaussianStack(256, {128});
  InputStatistics input = correlatedInput(256);
  input.moment[77 * 256 + 77] = 1e6f;
  LossTable table = measure(*weights, input);
  EXPECT_EQ(table.order.front(), 77u);
  Allocation allocation = llvm::cantFail(
      allocateBits(table, FileBudget::ofBits(5.0, 256 * 128, 4096)));
  EXPECT_GE(widthOf(allocation.stacks[0], 0, 77), 8);
}

TEST(AllocateBits, DeadColumnsGetNoBits) {
  auto weights = gaussianStack(128, {64});
  for (int64_t i = 0; i < 64; ++i)
    std::fill_n(&weights->values[0][i * 128 + 64], 32, 0.0f);
  LossTable table = measure(*weights, correlatedInput(128));
  Allocation allocation = llvm::cantFail(
      allocateBits(table, FileBudget::ofBits(6.0, 128 * 64, 4096)));
  for (uint32_t column = 64; column < 96; ++column)
    EXPECT_EQ(widthOf(allocation.stacks[0], 0, column), 0);
}

TEST(AllocateBits, MatrixThatMattersMoreGetsMore) {
  auto a = gaussianStack(128, {128}, 1), b = gaussianStack(128, {128}, 2);
  a->stack.panels[0].rowWeights.assign(128, 1.0f);
  b->stack.panels[0].rowWeights.assign(128, 50.0f);
  InputStatistics input = correlatedInput(128);
  std::vector<LossTable> tables = {measure(*a, input), measure(*b, input)};
  Allocation allocation = llvm::cantFail(
      allocateBits(tables, FileBudget::ofBits(4.0, 2 * 128 * 128, 4096)));
  EXPECT_GT(matrixBytes(allocation.stacks[1].layout),
            1.3 * matrixBytes(allocation.stacks[0].layout));
}

TEST(AllocateBits, WidthsFallAndEqualNeighboursAreOneSegment) {
  auto weights = gaussianStack(520, {64});
  QuantizationOptions options;
  options.widthColumns = 16;
  LossTable table = measure(*weights, correlatedInput(520), options);
  EXPECT_EQ(table.losses[0].size(), 33u); // the last block has 8 columns
  Allocation allocation = llvm::cantFail(
      allocateBits(table, FileBudget::ofBits(4.0, 520 * 64, 4096)));
  const std::vector<Segment> &segments =
      allocation.stacks[0].layout.panels[0].segments;
  EXPECT_GT(segments.size(), 1u);
  for (size_t s = 1; s < segments.size(); ++s)
    EXPECT_LT(segments[s].bits, segments[s - 1].bits);
}

TEST(AllocateBits, LossesFallWithTheWidth) {
  auto weights = gaussianStack(64, {96});
  LossTable table = measure(*weights, correlatedInput(64));
  for (const LossTable::Losses &block : table.losses[0])
    for (size_t width = 1; width < candidateWidths.size(); ++width)
      EXPECT_LT(block[width], block[width - 1]);
}

// Rounding a unit Gaussian: with even levels the figures of Max 1960, with
// those of tables integrals over their intervals, with filtered signs the means
// of many tiles.
TEST(AllocateBits, MeasuredLossesOfGaussianColumnsMatchTheTextbook) {
  auto weights = gaussianStack(64, {4096});
  LossTable table = measure(*weights, InputStatistics::uniform(64, 1.0f));
  const double distortion[] = {1,       0.3634,  0.0930, 0.0261,
                               0.00666, 0.00257, 0.00066};
  std::array<double, 7> sums{};
  for (const LossTable::Losses &block : table.losses[0])
    for (size_t bits = 0; bits < sums.size(); ++bits)
      sums[bits] += block[bits];
  for (size_t bits = 1; bits < sums.size(); ++bits)
    EXPECT_NEAR(sums[bits] / sums[0] / distortion[bits], 1.0, 0.12) << bits;
}
