//===- AllocateBitsTest.cpp -----------------------------------------------===//

#include "SyntheticStack.h"
#include <cmath>
#include <gtest/gtest.h>

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
    EXPECT_GE(allocation.fileBytes, budget.fileBytes - 2 * step - 128) << bits;
    for (const StackAllocation &stack : allocation.stacks)
      llvm::cantFail(checkLayout(stack.layout));
  }
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

// Rounding a unit Gaussian with even levels: the figures of Max 1960.
TEST(AllocateBits, MeasuredLossesOfGaussianColumnsMatchTheTextbook) {
  auto weights = gaussianStack(64, {4096});
  LossTable table = measure(*weights, InputStatistics::uniform(64, 1.0f));
  const double distortion[] = {1, 0.3634, 0.1188, 0.03744, 0.01154, 0.003495};
  std::array<double, 6> sums{};
  for (const LossTable::Losses &block : table.losses[0])
    for (size_t bits = 0; bits < sums.size(); ++bits)
      sums[bits] += block[bits];
  for (size_t bits = 1; bits < sums.size(); ++bits)
    EXPECT_NEAR(sums[bits] / sums[0] / distortion[bits], 1.0, 0.12) << bits;
}
