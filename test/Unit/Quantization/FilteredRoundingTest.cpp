//===- FilteredRoundingTest.cpp -------------------------------------------===//

#include "FilteredRounding.h"
#include "ColumnLoops.h"
#include "StepSearch.h"
#include "picollm/Layout/Levels.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace picollm;

namespace {

struct Column {
  std::vector<float> x, w;

  explicit Column(int64_t n, unsigned seed) : x(n), w(n) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform(0.2f, 3.0f);
    for (int64_t i = 0; i < n; ++i)
      x[i] = normal(random), w[i] = uniform(random);
  }

  int64_t rows() const { return x.size(); }

  double error(const std::vector<uint16_t> &codes, int64_t bits,
               float s) const {
    double sum = 0;
    for (int64_t i = 0; i < rows(); ++i) {
      double left =
          x[i] - double(s) * levelOf(bits, &codes[i], 1, i % 32, false);
      sum += w[i] * left * left;
    }
    return sum;
  }
};

struct Rounded {
  float error;
  std::vector<uint16_t> codes;
  std::vector<float> values;
};

Rounded round(const Column &column, int64_t bits, float s) {
  Rounded result;
  result.codes.resize(column.rows());
  result.values.resize(column.rows());
  result.error =
      roundFiltered(column.x.data(), column.w.data(), column.rows(), s, bits,
                    result.codes.data(), result.values.data());
  return result;
}

} // namespace

TEST(FilteredRounding, FindsTheBestOfAllCodes) {
  const float s = 0.07f;
  for (auto [bits, rows] : {std::pair<int64_t, int64_t>{2, 7}, {3, 5}, {4, 4}})
    for (unsigned seed = 0; seed < 8; ++seed) {
      const Column column(rows, seed);
      double least = INFINITY;
      std::vector<uint16_t> codes(rows);
      for (int64_t number = 0; number < int64_t(1) << (bits * rows); ++number) {
        for (int64_t i = 0; i < rows; ++i)
          codes[i] = number >> (bits * i) & ((1 << bits) - 1);
        least = std::min(least, column.error(codes, bits, s));
      }
      const Rounded rounded = round(column, bits, s);
      EXPECT_NEAR(column.error(rounded.codes, bits, s), least, 1e-5 * least);
      EXPECT_NEAR(rounded.error, least, 1e-5 * least);
    }
}

TEST(FilteredRounding, TilesAreRoundedApart) {
  const Column column(32 * 2 + 16, 1);
  for (int64_t bits : {2, 3, 4}) {
    const Rounded whole = round(column, bits, 0.05f);
    double sum = 0;
    for (int64_t begin = 0; begin < column.rows(); begin += 32) {
      const int64_t end = std::min<int64_t>(column.rows(), begin + 32);
      Column tile(end - begin, 0);
      std::copy_n(&column.x[begin], end - begin, tile.x.begin());
      std::copy_n(&column.w[begin], end - begin, tile.w.begin());
      const Rounded part = round(tile, bits, 0.05f);
      for (int64_t i = begin; i < end; ++i)
        EXPECT_EQ(whole.codes[i], part.codes[i - begin]);
      sum += part.error;
    }
    EXPECT_NEAR(whole.error, sum, 1e-5 * sum);
  }
}

TEST(FilteredRounding, ValuesAreLevelsTimesTheScale) {
  const Column column(96, 2);
  for (int64_t bits : {2, 3, 4}) {
    const float s = 0.06f;
    const Rounded rounded = round(column, bits, s);
    for (int64_t i = 0; i < column.rows(); ++i)
      EXPECT_EQ(rounded.values[i],
                s * float(levelOf(bits, &rounded.codes[i], 1, i % 32, false)));
    EXPECT_NEAR(rounded.error, column.error(rounded.codes, bits, s),
                1e-4 * rounded.error);
    EXPECT_EQ(rounded.error,
              roundFiltered(column.x.data(), column.w.data(), column.rows(), s,
                            bits, nullptr, nullptr));
  }
}

TEST(FilteredRounding, RowsWithoutWeightTakeWhatServesTheOthers) {
  Column column(32, 3);
  for (int64_t i = 0; i < 32; i += 2)
    column.w[i] = 0;
  // Their codes are free, so the others have a choice of more levels.
  EXPECT_LT(round(column, 3, 0.0463f).error / 16,
            0.5 * round(Column(32, 3), 3, 0.0463f).error / 32);
}

TEST(FilteredRounding, GaussiansLoseLessThanWithAnyLevels) {
  const int64_t rows = 32 * 512;
  Column column(rows, 4);
  std::fill(column.w.begin(), column.w.end(), 1.0f);
  // A code of its own for each value: 0.1175, 0.0345, 0.0095 at the least.
  EXPECT_LT(round(column, 2, 0.0788f).error, 0.096 * rows);
  EXPECT_LT(round(column, 3, 0.0463f).error, 0.0272 * rows);
  EXPECT_LT(round(column, 4, 0.0533f).error, 0.0070 * rows);
}

TEST(FilteredRounding, EstimatesAreWhatAGaussianLoses) {
  const int64_t rows = 32 * 512;
  Column column(rows, 6);
  std::fill(column.w.begin(), column.w.end(), 1.0f);
  for (int64_t bits : {2, 3, 4}) {
    float lost = INFINITY, estimated = INFINITY;
    for (float multiple : {0.8f, 0.9f, 1.0f, 1.1f, 1.25f}) {
      const float s = multiple * gaussianStep(bits);
      lost = std::min(lost, round(column, bits, s).error);
      estimated = std::min(estimated, estimatedRoundingError(column.x.data(),
                                                             column.w.data(),
                                                             rows, s, bits));
    }
    EXPECT_NEAR(estimated / lost, 1, 0.05) << bits << " bits";
  }
}

TEST(FilteredRounding, EnormousValuesHaveCodes) {
  Column column(32, 5);
  column.x[3] = 3e38f;
  column.x[7] = -3e38f;
  column.w[7] = 0;
  for (int64_t bits : {2, 3, 4}) {
    const Rounded rounded = round(column, bits, 1e-12f);
    for (uint16_t code : rounded.codes)
      EXPECT_LT(code, 1 << bits);
  }
}
