//===- PackedLinearTest.cpp - products of many tokens, bit by bit ---------===//

#include "picollm/Reference/PackedLinear.h"
#include "RandomMatrix.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace picollm;

static Matrix randomActivation(int64_t rows, int64_t columns) {
  std::mt19937 generator(9);
  std::normal_distribution<float> normal;
  Matrix x(rows, columns);
  for (float &value : x.data)
    value = normal(generator);
  return x;
}

/// Expects the bits of reference::linear, which sums integers one by one, of
/// the rows of some sequences.
static void expectSameBits(const QuantizedMatrix &matrix, const Matrix &x,
                           llvm::ArrayRef<int64_t> counts) {
  EncodedRows encoded = encodeRows(matrix, x, counts);
  std::vector<Rows> rows;
  for (int64_t count : counts)
    rows.insert(rows.end(), count, toRows(count));
  for (size_t p = 0; p < matrix.layout.panels.size(); ++p) {
    Matrix y = packedLinear(matrix, {p, p + 1}, encoded);
    std::vector<float> expected(y.columns);
    for (int64_t t = 0; t < x.rows; ++t) {
      reference::linear(matrix, p, x.row(t), rows[t], expected.data());
      ASSERT_EQ(std::memcmp(expected.data(), y.row(t), 4 * y.columns), 0)
          << "panel " << p << ", token " << t;
    }
  }
}

/// Of one sequence, with few rows and with many.
static void expectSameBits(const QuantizedMatrix &matrix, const Matrix &x) {
  expectSameBits(matrix, x, {x.rows});
  Matrix many(manyRows, x.columns);
  for (int64_t t = 0; t < many.rows; ++t)
    std::copy_n(x.row(t % x.rows), x.columns, many.row(t));
  expectSameBits(matrix, many, {many.rows});
}

TEST(PackedLinear, EveryWidthGivesTheBitsOfTheDefinition) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16}) {
    SCOPED_TRACE(bits);
    expectSameBits(randomMatrix(272, {{200, {{bits, 272}}}}, bits),
                   randomActivation(3, 272));
  }
}

TEST(PackedLinear, GroupsOfEveryWidthGiveTheBitsOfTheDefinition) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    SCOPED_TRACE(bits);
    expectSameBits(
        randomMatrix(272, {{200, {{bits, 136, 128}, {4, 8}, {bits, 128, 128}}}},
                     bits),
        randomActivation(3, 272));
  }
}

TEST(PackedLinear, MixedPanelsWithAnUnusedSegment) {
  expectSameBits(randomMatrix(232,
                              {{40, {{16, 8}, {8, 96}, {3, 128}}},
                               {7, {{5, 136}, {1, 40}, {0, 56}}}},
                              3),
                 randomActivation(5, 232));
}

TEST(PackedLinear, ExtremeActivations) {
  QuantizedMatrix matrix = randomMatrix(160, {{33, {{8, 80}, {3, 80}}}}, 4);
  std::fill(matrix.panels[0].codes.begin(), matrix.panels[0].codes.end(), 7);
  Matrix x(4, 160);
  std::fill_n(x.row(0), 160, 1e30f);
  std::fill_n(x.row(1), 160, -1e-30f);
  x.row(2)[17] = 3; // all others 0
  expectSameBits(matrix, x);
}

TEST(PackedLinear, NoTokensGiveNoRows) {
  QuantizedMatrix matrix = randomMatrix(32, {{8, {{4, 32}}}}, 5);
  EXPECT_EQ(packedLinear(matrix, {0, 1}, {{}}).rows, 0);
}

TEST(PackedLinear, RowsOfSeveralPanelsFollowEachOther) {
  QuantizedMatrix matrix = randomMatrix(
      64, {{9, {{4, 64}}}, {200, {{2, 32}, {5, 32}}}, {3, {{7, 64}}}}, 8);
  Matrix x = randomActivation(2, 64);
  EncodedRows encoded = encodeRows(matrix, x, {x.rows});
  Matrix y = packedLinear(matrix, {1, 3}, encoded);
  ASSERT_EQ(y.columns, 203);
  Matrix first = packedLinear(matrix, {1, 2}, encoded);
  Matrix second = packedLinear(matrix, {2, 3}, encoded);
  for (int64_t t = 0; t < 2; ++t) {
    EXPECT_EQ(std::memcmp(y.row(t), first.row(t), 4 * 200), 0);
    EXPECT_EQ(std::memcmp(y.row(t) + 200, second.row(t), 4 * 3), 0);
  }
}

TEST(PackedEmbedding, RowsCountOverPanels) {
  QuantizedMatrix matrix =
      randomMatrix(32, {{5, {{4, 32}}}, {3, {{2, 32}}}}, 6);
  Matrix rows = packedEmbedding(matrix, {6, 4});
  std::vector<float> expected(32);
  dequantizeRow(matrix, 1, 1, expected.data());
  EXPECT_EQ(std::vector<float>(rows.row(0), rows.row(0) + 32), expected);
  dequantizeRow(matrix, 0, 4, expected.data());
  EXPECT_EQ(std::vector<float>(rows.row(1), rows.row(1) + 32), expected);
}
