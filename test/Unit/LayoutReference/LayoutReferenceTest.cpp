//===- LayoutReferenceTest.cpp --------------------------------------------===//

#include "RandomMatrix.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Reference/Layout.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace picollm;
using namespace picollm::reference;

namespace {

std::vector<float> randomActivation(int64_t columns, unsigned seed = 3) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(columns);
  for (float &value : x)
    value = normal(random);
  return x;
}

/// A matrix whose scales are all 1 and whose columns are in input order.
QuantizedMatrix plainMatrix(const MatrixLayout &layout) {
  QuantizedMatrix matrix = randomMatrix(layout);
  std::iota(matrix.order.begin(), matrix.order.end(), 0u);
  std::fill(matrix.columnScales.begin(), matrix.columnScales.end(), 0x3c00);
  for (QuantizedPanel &panel : matrix.panels) {
    std::fill(panel.rowScales.begin(), panel.rowScales.end(), 0x3c00);
    std::fill(panel.segmentScales.begin(), panel.segmentScales.end(), 1.0f);
  }
  return matrix;
}

/// Largest difference to the product in double precision, relative to the
/// norms of row and activation.
double relativeError(const QuantizedMatrix &matrix, size_t panel) {
  int64_t columns = matrix.layout.columns;
  std::vector<float> x = randomActivation(columns), row(columns);
  std::vector<float> y(matrix.layout.panels[panel].rows);
  linear(matrix, panel, x.data(), y.data());
  double worst = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    dequantizeRow(matrix, panel, i, row.data());
    double sum = 0, size = 0;
    for (int64_t j = 0; j < columns; ++j) {
      sum += double(row[j]) * x[j];
      size += double(row[j]) * x[j] * row[j] * x[j];
    }
    worst = std::max(worst, std::fabs(sum - y[i]) / std::sqrt(size + 1e-30));
  }
  return worst;
}

} // namespace

TEST(LayoutReference, CodesRoundToEvenAndKeepTheirSum) {
  QuantizedMatrix matrix = plainMatrix({8, {{1, {{4, 8}}}}});
  float x[8] = {127.0f, -127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 3.25f};
  EncodedActivation activation = encodeActivation(matrix, 0, x);
  ASSERT_EQ(activation.size(), 1u);
  ASSERT_EQ(activation[0].blocks.size(), 1u);
  const EncodedBlock &block = activation[0].blocks[0];
  EXPECT_EQ(block.codes, (std::vector<int8_t>{127, -127, 0, 2, 2, 0, -2, 3}));
  EXPECT_EQ(block.sum, 5);
  EXPECT_EQ(block.scale, 1.0f);
}

TEST(LayoutReference, TableHoldsSignedSumsOfFourColumns) {
  QuantizedMatrix matrix = plainMatrix({8, {{1, {{2, 8}}}}});
  matrix.panels[0].segmentScales[0] = 0.5f;
  float x[8] = {86.0f, 20.0f, -6.0f, 1.0f, 1.0f, 2.0f, 3.0f, 4.0f};
  EncodedActivation activation = encodeActivation(matrix, 0, x);
  const EncodedBlock &block = activation[0].blocks[0];
  ASSERT_EQ(block.tables.size(), 2u);
  EXPECT_EQ(block.scale, 0.5f); // 113 / 113 * a
  EXPECT_EQ(block.tables[0][0], -101);
  EXPECT_EQ(block.tables[0][1], 71);   // +86 -20 +6 -1
  EXPECT_EQ(block.tables[0][11], 113); // +86 +20 +6 +1
  EXPECT_EQ(block.tables[1][0], -10);
  EXPECT_EQ(block.tables[1][6], 0); // -1 +2 +3 -4
  EXPECT_EQ(block.tables[1][15], 10);
}

TEST(LayoutReference, BlockSumsOfBothFamiliesByHand) {
  QuantizedMatrix matrix = plainMatrix({16, {{1, {{4, 8}, {2, 8}}}}});
  float x[16] = {127, 1, 2, 3, 4, 5, 6, 7, 110, 1, 1, 1, 10, 20, 30, 40};
  matrix.panels[0].codes = {15, 0, 0, 0, 8, 0, 0, 0, 3, 0, 1, 2, 1, 1, 2, 0};
  EncodedActivation activation = encodeActivation(matrix, 0, x);
  std::vector<int32_t> sums = blockSums(matrix, 0, activation, 0);
  ASSERT_EQ(sums.size(), 2u);
  EXPECT_EQ(sums[0], 20 * 127 - 20 * (1 + 2 + 3) + 1 * 4 - 20 * (5 + 6 + 7));
  // Levels 3 -3 -1 1 | -1 -1 1 -3.
  EXPECT_EQ(sums[1], 3 * 110 - 3 - 1 + 1 - 10 - 20 + 30 - 120);
}

TEST(LayoutReference, ThreePlanesCountTwoThreeAndFour) {
  QuantizedMatrix matrix = plainMatrix({8, {{1, {{3, 8}}}}});
  float x[8] = {110, 1, 1, 1, 10, 20, 30, 40};
  matrix.panels[0].codes = {7, 0, 1, 2, 3, 4, 5, 6};
  EncodedActivation activation = encodeActivation(matrix, 0, x);
  // Levels 9 -9 -5 -3 | 1 -1 3 5.
  EXPECT_EQ(blockSums(matrix, 0, activation, 0),
            (std::vector<int32_t>{9 * 110 - 9 - 5 - 3 + 10 - 20 + 90 + 200}));
  std::vector<float> row(8);
  dequantizeRow(matrix, 0, 0, row.data());
  EXPECT_EQ(row, (std::vector<float>{9, -9, -5, -3, 1, -1, 3, 5}));
}

TEST(LayoutReference, LevelsAreOppositeAndDiffer) {
  for (int64_t bits = 1; bits <= 8; ++bits) {
    std::set<int32_t> levels;
    for (int32_t code = 0; code < 1 << bits; ++code)
      levels.insert(levelOf(bits, code));
    for (int32_t level : levels)
      EXPECT_TRUE(levels.contains(-level)) << bits << " bits, " << level;
    EXPECT_EQ(levels.size(), size_t(1) << bits);
    EXPECT_EQ(*levels.rbegin(), topLevel(bits));
  }
}

TEST(LayoutReference, BlockSumsWithGroupsByHand) {
  QuantizedMatrix matrix = plainMatrix({16, {{1, {{4, 8, 128}, {2, 8, 128}}}}});
  float x[16] = {127, 1, 2, 3, 4, 5, 6, 7, 110, 1, 1, 1, 10, 20, 30, 40};
  matrix.panels[0].codes = {15, 0, 0, 0, 8, 0, 0, 0, 3, 0, 1, 2, 1, 1, 2, 0};
  matrix.panels[0].zeros = {5, 1};
  matrix.panels[0].groupScales = {floatToHalf(0.5f), floatToHalf(2.0f)};
  EncodedActivation activation = encodeActivation(matrix, 0, x);
  EXPECT_EQ(activation[0].blocks[0].sum, 127 + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(activation[1].blocks[0].sum, 113 + 100);
  std::vector<int32_t> sums = blockSums(matrix, 0, activation, 0);
  ASSERT_EQ(sums.size(), 2u);
  // Levels 2 (q - 5): 20, six times -10, and 6; then 2 (q - 1).
  EXPECT_EQ(sums[0], 20 * 127 - 10 * (1 + 2 + 3) + 6 * 4 - 10 * (5 + 6 + 7));
  EXPECT_EQ(sums[1], 4 * 110 - 2 + 0 + 2 + 0 + 0 + 2 * 30 - 2 * 40);
  float y = 0;
  linear(matrix, 0, x, &y);
  EXPECT_EQ(y, float(sums[0]) * 0.5f + float(sums[1]) * 2.0f);
}

TEST(LayoutReference, CodesEqualToTheirZerosGiveZeros) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    QuantizedMatrix matrix = randomMatrix({264, {{9, {{bits, 264, 128}}}}});
    for (int64_t i = 0; i < 9; ++i)
      for (int64_t j = 0; j < 264; ++j)
        matrix.panels[0].codes[i * 264 + j] =
            matrix.panels[0].zeros[3 * i + j / 128];
    std::vector<float> x = randomActivation(264), y(9, 1.0f);
    linear(matrix, 0, x.data(), y.data());
    for (float value : y)
      EXPECT_EQ(value, 0.0f) << bits << " bits";
  }
}

TEST(LayoutReference, BlocksEndAtSegmentsAndAfter128Columns) {
  QuantizedMatrix matrix = randomMatrix(
      {320, {{3, {{8, 136}, {0, 40}, {3, 16}, {16, 120}, {1, 8}}}}});
  std::vector<float> x = randomActivation(320);
  EncodedActivation activation = encodeActivation(matrix, 0, x.data());
  ASSERT_EQ(activation.size(), 5u);
  ASSERT_EQ(activation[0].blocks.size(), 2u);
  EXPECT_EQ(activation[0].blocks[0].columns, 128);
  EXPECT_EQ(activation[0].blocks[1].columns, 8);
  EXPECT_TRUE(activation[1].blocks.empty());
  EXPECT_EQ(activation[2].blocks[0].begin, 176);
  EXPECT_EQ(activation[3].values.size(), 120u);
  EXPECT_EQ(blockSums(matrix, 0, activation, 2).size(), 4u);
}

TEST(LayoutReference, LinearIsNearTheExactProduct) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8})
    EXPECT_LT(relativeError(randomMatrix({256, {{9, {{bits, 256}}}}}), 0), 0.05)
        << bits << " bits";
  EXPECT_LT(relativeError(randomMatrix({256, {{9, {{16, 256}}}}}), 0), 1e-5);
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8})
    EXPECT_LT(relativeError(randomMatrix({200, {{9, {{bits, 200, 128}}}}}), 0),
              0.05)
        << bits << " bits in groups";
}

TEST(LayoutReference, PanelsOfOneMatrixComputeTheirOwnRows) {
  QuantizedMatrix matrix = randomMatrix(
      {64, {{5, {{4, 32}, {2, 32}}}, {3, {{16, 8}, {8, 40}, {0, 16}}}}});
  EXPECT_LT(relativeError(matrix, 0), 0.05);
  EXPECT_LT(relativeError(matrix, 1), 0.05);
}

TEST(LayoutReference, ZeroActivationGivesZeros) {
  QuantizedMatrix matrix = randomMatrix({64, {{5, {{4, 32}, {2, 32}}}}});
  std::vector<float> x(64, 0.0f), y(5, 1.0f);
  linear(matrix, 0, x.data(), y.data());
  for (float value : y)
    EXPECT_EQ(value, 0.0f);
}
