//===- RandomMatrixTest.cpp -----------------------------------------------===//

#include "picollm/Quantization/RandomMatrix.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <set>

using namespace picollm;

namespace {

constexpr int64_t columns = 512;

std::vector<uint32_t> inputOrder() {
  std::vector<uint32_t> order(columns);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

TEST(RandomMatrixTest, WeightsOfEveryWidthHaveTheSameVariance) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16}) {
    const int64_t rows = 96;
    MatrixLayout layout{columns, {{rows, {{bits, columns}}}}};
    QuantizedMatrix matrix = randomMatrix(layout, inputOrder(), bits);
    ASSERT_FALSE(bool(checkQuantizedMatrix(matrix)));
    std::vector<float> row(columns);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; ++i) {
      dequantizeRow(matrix, 0, i, row.data());
      for (float weight : row) {
        sum += weight;
        squares += double(weight) * weight;
      }
    }
    // Five deviations of the mean of so many weights, 1 and 3 of whose rows in
    // 32 have fewer filtered signs above them.
    const double count = double(rows) * columns;
    EXPECT_LT(std::fabs(sum) * std::sqrt(double(columns) / count), 5) << bits;
    EXPECT_NEAR(squares * columns / count, 1, 0.06) << bits;
  }
}

TEST(RandomMatrixTest, NothingIsReadOfWidthZero) {
  MatrixLayout layout{columns, {{40, {{3, 128}, {0, 384}}}}};
  QuantizedMatrix matrix = randomMatrix(layout, inputOrder(), 1);
  ASSERT_FALSE(bool(checkQuantizedMatrix(matrix)));
  std::vector<float> row(columns);
  dequantizeRow(matrix, 0, 39, row.data());
  EXPECT_NE(row[127], 0);
  EXPECT_EQ(row[128], 0);
}

TEST(RandomMatrixTest, SeedsDecide) {
  MatrixLayout layout{columns, {{32, {{4, columns}}}}};
  auto codes = [&](uint64_t seed) {
    return randomMatrix(layout, inputOrder(), seed).panels[0].codes;
  };
  EXPECT_EQ(codes(3), codes(3));
  EXPECT_NE(codes(3), codes(4));
  auto order = [&](uint64_t seed) {
    return randomLosses("w", {32}, false, columns, seed).order;
  };
  EXPECT_EQ(order(3), order(3));
  EXPECT_NE(order(3), order(4));
}

TEST(RandomMatrixTest, RowsOfTokensAreCut) {
  LossTable table = randomLosses("embedding", {49152}, true, columns, 1);
  EXPECT_EQ(table.rows,
            (std::vector<int64_t>{768, 768, 1536, 3072, 6144, 12288, 24576}));
  EXPECT_EQ(table.losses.size(), table.rows.size());
  LossTable small = randomLosses("embedding", {100}, true, columns, 1);
  EXPECT_EQ(small.rows, (std::vector<int64_t>{32, 68}));
}

/// An allocation by these losses mixes widths as those of real models do.
TEST(RandomMatrixTest, AllocationMixesWidths) {
  std::vector<LossTable> tables = {
      randomLosses("embedding", {16384}, true, columns, 0)};
  int64_t weights = 16384 * columns;
  for (uint64_t layer = 1; layer <= 8; ++layer) {
    tables.push_back(randomLosses("layer" + std::to_string(layer),
                                  {512, 128, 128}, false, columns, layer));
    weights += 768 * columns;
  }
  Allocation allocation = llvm::cantFail(
      allocateBits(tables, FileBudget::ofBits(3.0, weights, 64)));
  std::set<int64_t> widths;
  for (const StackAllocation &stack : allocation.stacks)
    for (const Panel &panel : stack.layout.panels)
      for (const Segment &segment : panel.segments)
        widths.insert(segment.bits);
  EXPECT_GE(widths.size(), 5u);
}

} // namespace
