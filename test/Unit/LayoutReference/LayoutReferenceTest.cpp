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
  linear(matrix, panel, x.data(), Rows::Few, y.data());
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
  QuantizedMatrix matrix = plainMatrix({8, {{1, {{5, 8}}}}});
  float x[8] = {127.0f, -127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 3.25f};
  EncodedActivation activation = encodeActivation(matrix, 0, x, Rows::Few);
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
  float x[8] = {100.0f, 20.0f, -6.0f, 1.0f, 1.0f, 2.0f, 3.0f, 4.0f};
  EncodedActivation activation = encodeActivation(matrix, 0, x, Rows::Few);
  const EncodedBlock &block = activation[0].blocks[0];
  ASSERT_EQ(block.tables.size(), 2u);
  EXPECT_EQ(block.scale, 0.5f); // 127 / 127 * a
  EXPECT_EQ(block.tables[0][0], -115);
  EXPECT_EQ(block.tables[0][1], 85);   // +100 -20 +6 -1
  EXPECT_EQ(block.tables[0][11], 127); // +100 +20 +6 +1
  EXPECT_EQ(block.tables[1][0], -10);
  EXPECT_EQ(block.tables[1][6], 0); // -1 +2 +3 -4
  EXPECT_EQ(block.tables[1][15], 10);
}

TEST(LayoutReference, BlockSumsOfBothFamiliesByHand) {
  QuantizedMatrix matrix = plainMatrix({16, {{1, {{5, 8}, {1, 8}}}}});
  float x[16] = {127, 1, 2, 3, 4, 5, 6, 7, 124, 1, 1, 1, 10, 20, 30, 40};
  matrix.panels[0].codes = {15, 31, 31, 31, 0, 31, 31, 31,
                            1,  0,  0,  1,  0, 0,  1,  0};
  EncodedActivation activation = encodeActivation(matrix, 0, x, Rows::Few);
  std::vector<int32_t> sums = blockSums(matrix, 0, activation, 0);
  ASSERT_EQ(sums.size(), 2u);
  EXPECT_EQ(sums[0], 50 * 127 - 50 * (1 + 2 + 3) + 1 * 4 - 50 * (5 + 6 + 7));
  EXPECT_EQ(sums[1], 124 - 1 - 1 + 1 - 10 - 20 + 30 - 40);
}

TEST(LayoutReference, SignsAreFilteredOverTheRowsOfATile) {
  QuantizedMatrix matrix = plainMatrix({8, {{34, {{3, 8}}}}});
  std::vector<uint16_t> &codes = matrix.panels[0].codes;
  codes.assign(34 * 8, 0);
  codes[0] = codes[31 * 8] = 7;
  codes[1] = codes[1 * 8] = 1;
  // Planes count 17, 13, 8 in their row and 9, -10, -5 in the next one, if
  // that is in the same tile.
  const struct {
    int64_t row;
    float first, second;
  } expected[] = {{0, 38, 17 - 13 - 8},
                  {1, 17 - 13 - 8 - 6, -38 + 9 + 10 + 5},
                  {2, -38 + 9 + 10 + 5, -38 + 6},
                  {31, 38 + 6, -38 + 6},
                  {32, -38, -38},
                  {33, -38 + 6, -38 + 6}};
  for (auto [i, first, second] : expected) {
    std::vector<float> row(8);
    dequantizeRow(matrix, 0, i, row.data());
    EXPECT_EQ(row[0], first) << "row " << i;
    EXPECT_EQ(row[1], second) << "row " << i;
    // A product sees the same levels.
    for (int64_t j : {0, 1}) {
      float x[8] = {};
      x[j] = 127;
      EncodedActivation activation = encodeActivation(matrix, 0, x, Rows::Few);
      EXPECT_EQ(blockSums(matrix, 0, activation, i)[0], 127 * int32_t(row[j]))
          << "row " << i;
    }
  }
}

TEST(LayoutReference, TwoBitsSeeTwoRowsAbove) {
  QuantizedMatrix matrix = plainMatrix({8, {{4, {{2, 8}}}}});
  matrix.panels[0].codes.assign(4 * 8, 0);
  matrix.panels[0].codes[0] = 2;
  std::vector<float> levels;
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<float> row(8);
    dequantizeRow(matrix, 0, i, row.data());
    levels.push_back(row[0]);
  }
  EXPECT_EQ(levels,
            (std::vector<float>{-9 + 6, -15 - 1 - 4, -15 - 1 + 4 - 5 - 6,
                                -15 - 1 + 4 - 5 + 6}));
}

TEST(LayoutReference, LevelsAreOppositeAndDiffer) {
  for (int64_t bits : {1, 5, 6, 7, 8}) {
    std::set<int32_t> levels;
    for (int32_t code = 0; code < 1 << bits; ++code)
      levels.insert(levelPart(bits, code, 0, false));
    for (int32_t level : levels)
      EXPECT_TRUE(levels.count(-level)) << bits << " bits, " << level;
    EXPECT_EQ(levels.size(), size_t(1) << bits);
    EXPECT_EQ(*levels.rbegin(), topLevel(bits));
  }
}

TEST(LayoutReference, BlockSumsWithGroupsByHand) {
  QuantizedMatrix matrix = plainMatrix({16, {{1, {{5, 8, 128}, {2, 8, 128}}}}});
  float x[16] = {127, 1, 2, 3, 4, 5, 6, 7, 124, 1, 1, 1, 10, 20, 30, 40};
  matrix.panels[0].codes = {15, 0, 0, 0, 8, 0, 0, 0, 3, 0, 1, 2, 1, 1, 2, 0};
  matrix.panels[0].zeros = {5, 1};
  matrix.panels[0].groupScales = {floatToHalf(0.5f), floatToHalf(2.0f)};
  EncodedActivation activation = encodeActivation(matrix, 0, x, Rows::Few);
  EXPECT_EQ(activation[0].blocks[0].sum, 127 + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(activation[1].blocks[0].sum, 127 + 100);
  std::vector<int32_t> sums = blockSums(matrix, 0, activation, 0);
  ASSERT_EQ(sums.size(), 2u);
  // Levels 2 (q - 5): 20, six times -10, and 6; then 2 (q - 1).
  EXPECT_EQ(sums[0], 20 * 127 - 10 * (1 + 2 + 3) + 6 * 4 - 10 * (5 + 6 + 7));
  EXPECT_EQ(sums[1], 4 * 124 - 2 + 0 + 2 + 0 + 0 + 2 * 30 - 2 * 40);
  float y = 0;
  linear(matrix, 0, x, Rows::Few, &y);
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
    linear(matrix, 0, x.data(), Rows::Few, y.data());
    for (float value : y)
      EXPECT_EQ(value, 0.0f) << bits << " bits";
  }
}

TEST(LayoutReference, BlocksEndAtSegmentsAndAfter128Columns) {
  QuantizedMatrix matrix = randomMatrix(
      {320, {{3, {{8, 136}, {0, 40}, {3, 16}, {16, 120}, {1, 8}}}}});
  std::vector<float> x = randomActivation(320);
  EncodedActivation activation =
      encodeActivation(matrix, 0, x.data(), Rows::Few);
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
  linear(matrix, 0, x.data(), Rows::Few, y.data());
  for (float value : y)
    EXPECT_EQ(value, 0.0f);
}
