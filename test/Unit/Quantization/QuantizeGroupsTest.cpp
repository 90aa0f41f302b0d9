//===- QuantizeGroupsTest.cpp - GPTQ as published, and rounding -----------===//

#include "SyntheticStack.h"
#include "picollm/Support/Half.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace picollm;

namespace {

MatrixLayout layoutOf(const WeightStack &stack, int64_t bits) {
  return uniformAllocation(stack, bits, blockColumns).layout;
}

QuantizedStack quantize(const SyntheticStack &weights,
                        const InputStatistics &input, int64_t bits,
                        double damping = 0.1) {
  QuantizationOptions options;
  options.damping = damping;
  QuantizedStack result = llvm::cantFail(quantizeGroups(
      weights.stack, input, layoutOf(weights.stack, bits), options));
  llvm::cantFail(checkQuantizedMatrix(result.matrix));
  return result;
}

QuantizedStack round(const SyntheticStack &weights, int64_t bits) {
  return quantize(weights, InputStatistics::uniform(weights.stack.columns, 1),
                  bits);
}

std::vector<float> rowOf(const QuantizedMatrix &matrix, size_t panel,
                         int64_t row) {
  std::vector<float> out(matrix.layout.columns);
  dequantizeRow(matrix, panel, row, out.data());
  return out;
}

/// Adds a share of the mean of the diagonal to the diagonal.
template <typename T>
void addDamping(std::vector<T> &moment, int64_t columns, double share) {
  double mean = 0;
  for (int64_t j = 0; j < columns; ++j)
    mean += moment[j * (columns + 1)] / double(columns);
  for (int64_t j = 0; j < columns; ++j)
    moment[j * (columns + 1)] += T(share * mean);
}

/// The optimal brain quantiser that GPTQ comes from, with one order for all
/// rows (GPTQ, section 3, equations 2 and 3): after each column the inverse of
/// H is that of the columns left, found by elimination, without a Cholesky
/// factor.
std::vector<double> textbook(const std::vector<float> &row,
                             const std::vector<double> &moment,
                             const std::vector<uint32_t> &order, int64_t bits) {
  const int64_t n = row.size();
  std::vector<double> w(n), inverse(n * n), a(n * n), result(n);
  for (int64_t k = 0; k < n; ++k) {
    w[k] = row[order[k]];
    inverse[k * n + k] = 1;
    for (int64_t l = 0; l < n; ++l)
      a[k * n + l] = moment[order[k] * n + order[l]];
  }
  for (int64_t k = 0; k < n; ++k) { // Gauss and Jordan; H is positive definite
    const double pivot = a[k * n + k];
    for (int64_t l = 0; l < n; ++l) {
      a[k * n + l] /= pivot;
      inverse[k * n + l] /= pivot;
    }
    for (int64_t i = 0; i < n; ++i) {
      const double factor = a[i * n + k];
      for (int64_t l = 0; i != k && l < n; ++l) {
        a[i * n + l] -= factor * a[k * n + l];
        inverse[i * n + l] -= factor * inverse[k * n + l];
      }
    }
  }
  const double top = (1 << bits) - 1;
  double step = 0, zero = 0;
  for (int64_t k = 0; k < n; ++k) {
    if (k % 128 == 0) {
      auto end = w.begin() + std::min(n, k + 128);
      double low = std::min(0.0, *std::min_element(w.begin() + k, end));
      double high = std::max(0.0, *std::max_element(w.begin() + k, end));
      step = halfToFloat(floatToHalf(float((high - low) / top)));
      zero = std::nearbyint(-low / step);
    }
    double q = std::clamp(std::nearbyint(w[k] / step) + zero, 0.0, top);
    result[order[k]] = step * (q - zero);
    const double error = (w[k] - result[order[k]]) / inverse[k * n + k];
    const std::vector<double> column(inverse.begin() + k * n,
                                     inverse.begin() + (k + 1) * n);
    for (int64_t l = k; l < n; ++l)
      w[l] -= error * column[l];
    for (int64_t i = 0; i < n; ++i)
      for (int64_t l = 0; l < n; ++l)
        inverse[i * n + l] -= column[i] * column[l] / column[k];
  }
  return result;
}

} // namespace

TEST(QuantizeGroups, IsTheTextbooksGPTQ) {
  const int64_t columns = 200, rows = 12;
  auto weights = gaussianStack(columns, {rows});
  InputStatistics input = correlatedInput(columns);
  std::vector<double> moment(input.moment.begin(), input.moment.end());
  addDamping(moment, columns, 0.1);
  for (int64_t bits : {2, 3, 4, 8}) {
    QuantizedMatrix matrix = quantize(*weights, input, bits).matrix;
    for (int64_t j = 1; j < columns; ++j)
      ASSERT_GE(moment[matrix.order[j - 1] * (columns + 1)],
                moment[matrix.order[j] * (columns + 1)]);
    int64_t different = 0;
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<float> row(weights->values[0].begin() + i * columns,
                             weights->values[0].begin() + (i + 1) * columns);
      std::vector<double> expected = textbook(row, moment, matrix.order, bits);
      std::vector<float> found = rowOf(matrix, 0, i);
      for (int64_t j = 0; j < columns; ++j)
        different += std::fabs(found[j] - expected[j]) >
                     1e-5 * std::fabs(expected[j]) + 1e-12;
    }
    // A value between two levels may fall to either, and others follow it.
    EXPECT_LE(different, rows * columns / 50) << bits << " bits";
  }
}

TEST(QuantizeGroups, RoundingIsWithinHalfAStepInInputOrder) {
  const int64_t columns = 264, rows = 40;
  auto weights = gaussianStack(columns, {rows});
  std::vector<uint32_t> natural(columns);
  std::iota(natural.begin(), natural.end(), 0u);
  for (int64_t bits = 1; bits <= 8; ++bits) {
    QuantizedMatrix matrix = round(*weights, bits).matrix;
    EXPECT_EQ(matrix.order, natural);
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<float> found = rowOf(matrix, 0, i);
      for (int64_t begin = 0; begin < columns; begin += 128) {
        const int64_t end = std::min(columns, begin + 128);
        const float *w = weights->values[0].data() + i * columns;
        float low = std::min(0.0f, *std::min_element(w + begin, w + end));
        float high = std::max(0.0f, *std::max_element(w + begin, w + end));
        float step = (high - low) / float((1 << bits) - 1);
        // The zero is rounded too, so that the ends may lie half a step off.
        for (int64_t j = begin; j < end; ++j)
          ASSERT_LE(std::fabs(found[j] - w[j]), 0.502f * step)
              << bits << " bits, row " << i << " column " << j;
      }
    }
  }
}

TEST(QuantizeGroups, FeedbackBeatsRounding) {
  const int64_t columns = 256;
  auto weights = gaussianStack(columns, {50, 20});
  InputStatistics input = correlatedInput(columns);
  addDamping(input.moment, columns, 0.001);
  for (int64_t bits : {2, 3, 4}) {
    QuantizedStack with = quantize(*weights, input, bits, 0);
    QuantizedStack without = round(*weights, bits);
    for (size_t panel : {0, 1}) {
      double error = outputError(*weights, with.matrix, panel, input, false);
      EXPECT_LT(error, 0.5 * outputError(*weights, without.matrix, panel, input,
                                         false));
      EXPECT_NEAR(with.losses[panel], error, 0.01 * error);
    }
  }
}

TEST(QuantizeGroups, WeightsOfOneSignSpanZeroToo) {
  auto weights = gaussianStack(128, {2});
  for (int64_t j = 0; j < 128; ++j) {
    weights->values[0][j] = 5.5f + float(j % 3) / 2;
    weights->values[0][128 + j] = -5.5f - float(j % 3) / 2;
  }
  QuantizedPanel panel = round(*weights, 2).matrix.panels[0];
  EXPECT_EQ(panel.zeros, (std::vector<uint8_t>{0, 3}));
  EXPECT_EQ(panel.codes[0], 3);   // 5.5 of 0, 2.2, 4.3, 6.5
  EXPECT_EQ(panel.codes[128], 0); // -5.5 of -6.5, -4.3, -2.2, 0
}

TEST(QuantizeGroups, TheSizeOfWeightsDoesNotMatter) {
  auto weights = gaussianStack(136, {7});
  QuantizedMatrix original = round(*weights, 4).matrix;
  for (float size : {0x1p-20f, 0x1p20f}) {
    auto scaled = gaussianStack(136, {7});
    for (float &value : scaled->values[0])
      value *= size;
    QuantizedMatrix matrix = round(*scaled, 4).matrix;
    EXPECT_EQ(matrix.panels[0].codes, original.panels[0].codes);
    EXPECT_EQ(matrix.panels[0].groupScales, original.panels[0].groupScales);
    EXPECT_EQ(rowOf(matrix, 0, 3)[9], size * rowOf(original, 0, 3)[9]);
  }
}

TEST(QuantizeGroups, ZerosStayZero) {
  auto weights = gaussianStack(136, {3});
  std::fill_n(weights->values[0].begin(), 128, 0.0f);
  std::fill_n(weights->values[0].begin() + 136, 136, 1e-30f);
  for (int64_t bits : {1, 4, 8}) {
    QuantizedMatrix matrix = round(*weights, bits).matrix;
    std::vector<float> first = rowOf(matrix, 0, 0),
                       second = rowOf(matrix, 0, 1);
    EXPECT_EQ(std::count(first.begin(), first.begin() + 128, 0.0f), 128);
    EXPECT_EQ(std::count(second.begin(), second.end(), 0.0f), 136);
  }
}

TEST(QuantizeGroups, RefusesOtherLayoutsAndWeightsThatAreNotFinite) {
  auto weights = gaussianStack(64, {8, 4});
  auto message = [&](const MatrixLayout &layout) {
    auto result = quantizeGroups(weights->stack,
                                 InputStatistics::uniform(64, 1), layout, {});
    return result ? "" : llvm::toString(result.takeError());
  };
  EXPECT_EQ(
      message({64, {{8, {{3, 64, 128}}}}}),
      "synthetic: layout has 64 columns and 1 panels, the matrices 64 and "
      "2");
  EXPECT_EQ(message({64, {{8, {{3, 64, 128}}}, {5, {{3, 64, 128}}}}}),
            "synthetic: layout has 5 rows for 'p1', which has 4");
  const char *oneSegment = "' is laid out without groups or in several "
                           "segments, expected one segment with groups";
  EXPECT_EQ(message({64, {{8, {{3, 64}}}, {4, {{3, 64, 128}}}}}),
            std::string("synthetic: panel 'p0") + oneSegment);
  EXPECT_EQ(
      message({64, {{8, {{3, 64, 128}}}, {4, {{3, 32, 128}, {4, 32, 128}}}}}),
      std::string("synthetic: panel 'p1") + oneSegment);
  EXPECT_EQ(message({64, {{8, {{3, 64, 32}}}, {4, {{3, 64, 128}}}}}),
            "segment has groups of 32 columns, expected 128");
  weights->values[1][7] = NAN;
  EXPECT_NE(message(layoutOf(weights->stack, 3)).find("finite"),
            std::string::npos);
}
