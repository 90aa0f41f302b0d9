//===- DegenerateWeightsTest.cpp ------------------------------------------===//

#include "SyntheticStack.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace picollm;

namespace {

constexpr int64_t columns = 64, rows = 48;

QuantizedMatrix quantize(const SyntheticStack &weights,
                         const InputStatistics &input, int64_t bits) {
  QuantizedStack result = llvm::cantFail(quantizeStack(
      weights.stack, input, uniformAllocation(weights.stack, bits), {}));
  llvm::cantFail(checkQuantizedMatrix(result.matrix));
  return result.matrix;
}

std::vector<float> rowOf(const QuantizedMatrix &matrix, int64_t row) {
  std::vector<float> out(columns);
  dequantizeRow(matrix, 0, row, out.data());
  for (float value : out)
    EXPECT_TRUE(std::isfinite(value));
  return out;
}

std::string failure(const WeightStack &stack, const InputStatistics &input) {
  auto table = measureLosses(stack, input, {});
  std::string measured = table ? "" : llvm::toString(table.takeError());
  auto result = quantizeStack(stack, input, uniformAllocation(stack, 3), {});
  std::string quantized = result ? "" : llvm::toString(result.takeError());
  EXPECT_EQ(measured, quantized);
  return measured;
}

} // namespace

TEST(DegenerateWeights, MatrixOfZerosStaysZero) {
  auto weights = gaussianStack(columns, {rows});
  std::fill(weights->values[0].begin(), weights->values[0].end(), 0.0f);
  InputStatistics input = correlatedInput(columns);
  LossTable table = llvm::cantFail(measureLosses(weights->stack, input, {}));
  EXPECT_EQ(table.losses[0][0][0], 0.0);
  for (int64_t bits : {0, 1, 4, 8, 16})
    for (float value : rowOf(quantize(*weights, input, bits), 3))
      EXPECT_EQ(value, 0.0f);
}

TEST(DegenerateWeights, RowsOfZerosStayZero) {
  auto weights = gaussianStack(columns, {rows});
  std::fill_n(&weights->values[0][5 * columns], columns, 0.0f);
  for (int64_t bits : {1, 3, 6, 16})
    for (float value :
         rowOf(quantize(*weights, correlatedInput(columns), bits), 5))
      EXPECT_EQ(value, 0.0f);
}

TEST(DegenerateWeights, DeadColumnsStayZeroWithoutCorrelation) {
  auto weights = gaussianStack(columns, {rows});
  for (int64_t i = 0; i < rows; ++i)
    weights->values[0][i * columns + 9] = 0.0f;
  for (int64_t bits : {1, 3, 6, 16}) {
    QuantizedMatrix matrix =
        quantize(*weights, InputStatistics::uniform(columns, 1.0f), bits);
    for (int64_t i = 0; i < rows; ++i)
      EXPECT_EQ(rowOf(matrix, i)[9], 0.0f);
  }
}

TEST(DegenerateWeights, ConstantMatrixIsExactAtEveryWidth) {
  auto weights = gaussianStack(columns, {rows});
  std::fill(weights->values[0].begin(), weights->values[0].end(), -0.125f);
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16})
    for (float value : rowOf(
             quantize(*weights, InputStatistics::uniform(columns, 1.0f), bits),
             7))
      EXPECT_NEAR(value, -0.125f, 1e-3f) << bits;
}

TEST(DegenerateWeights, OneWeightThatIsNotZero) {
  auto weights = gaussianStack(columns, {rows});
  std::fill(weights->values[0].begin(), weights->values[0].end(), 0.0f);
  weights->values[0][3 * columns + 8] = 2.5f;
  QuantizedMatrix matrix =
      quantize(*weights, InputStatistics::uniform(columns, 1.0f), 4);
  EXPECT_NEAR(rowOf(matrix, 3)[8], 2.5f, 0.05f);
  EXPECT_EQ(rowOf(matrix, 2)[8], 0.0f);
}

TEST(DegenerateWeights, TinyAndHugeScalesKeepTheirRelativeError) {
  InputStatistics input = correlatedInput(columns);
  for (float scale : {1e-12f, 1.0f, 1e12f}) {
    auto weights = gaussianStack(columns, {rows});
    for (float &value : weights->values[0])
      value *= scale;
    EXPECT_LT(outputError(*weights, quantize(*weights, input, 4), 0, input),
              0.01)
        << scale;
  }
}

TEST(DegenerateWeights, InputThatIsAlwaysZeroOrOfRankOne) {
  auto weights = gaussianStack(columns, {rows});
  InputStatistics zero;
  zero.moment.assign(columns * columns, 0.0f);
  EXPECT_EQ(failure(weights->stack, zero), "");
  rowOf(quantize(*weights, zero, 3), 0);
  InputStatistics one;
  one.moment.assign(columns * columns, 1.0f);
  EXPECT_EQ(failure(weights->stack, one), "");
  EXPECT_LT(outputError(*weights, quantize(*weights, one, 3), 0, one), 0.01);
}

/// H of fewer tokens than columns has no inverse without its damping.
TEST(DegenerateWeights, FewerTokensThanColumns) {
  auto weights = gaussianStack(columns, {rows});
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int64_t tokens : {1, 2, 20}) {
    std::vector<float> x(tokens * columns);
    for (float &value : x)
      value = normal(random);
    InputStatistics input;
    input.moment.resize(columns * columns);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < columns; ++i)
        for (int64_t j = 0; j < columns; ++j)
          input.moment[i * columns + j] +=
              x[t * columns + i] * x[t * columns + j] / float(tokens);
    EXPECT_EQ(failure(weights->stack, input), "");
    QuantizedMatrix matrix = quantize(*weights, input, 3);
    for (int64_t i = 0; i < rows; ++i)
      rowOf(matrix, i); // finite
    // Feedback has room for what these tokens do not have.
    EXPECT_LT(outputError(*weights, matrix, 0, input),
              outputError(*weights,
                          quantize(*weights,
                                   InputStatistics::uniform(columns, 1.0f), 3),
                          0, input))
        << tokens;
  }
}

/// Whatever the weights behind them are, inputs that are always 0 cost nothing.
TEST(DegenerateWeights, InputsThatAreAlwaysZero) {
  auto weights = gaussianStack(columns, {rows});
  InputStatistics input = correlatedInput(columns);
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 32; j < 64; ++j)
      input.moment[i * columns + j] = input.moment[j * columns + i] = 0;
  EXPECT_EQ(failure(weights->stack, input), "");
  QuantizedMatrix matrix = quantize(*weights, input, 4);
  for (int64_t i = 0; i < rows; ++i)
    rowOf(matrix, i); // finite
  EXPECT_LT(outputError(*weights, matrix, 0, input), 0.01);
}

TEST(DegenerateWeights, WeightsThatAreNotFiniteAreNamed) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity()}) {
    auto weights = gaussianStack(columns, {rows});
    weights->values[0][5 * columns + 7] = bad;
    std::string message = failure(weights->stack, correlatedInput(columns));
    EXPECT_NE(message.find("row 5, column 7 of 'p0' is not finite"),
              std::string::npos)
        << message;
  }
}

TEST(DegenerateWeights, StatisticsThatAreInvalidAreRefused) {
  auto weights = gaussianStack(columns, {rows});
  InputStatistics input = correlatedInput(columns);
  input.moment[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(failure(weights->stack, input).find("not finite"),
            std::string::npos);
  input = correlatedInput(columns);
  input.moment[0] = -1.0f;
  EXPECT_NE(failure(weights->stack, input).find("negative"), std::string::npos);
  input.moment.resize(100);
  EXPECT_NE(failure(weights->stack, input).find("100 entries"),
            std::string::npos);
}

TEST(DegenerateWeights, StacksThatAreInvalidAreRefused) {
  InputStatistics input = correlatedInput(columns);
  auto weights = gaussianStack(columns, {rows});
  weights->stack.panels[0].rowWeights.assign(3, 1.0f);
  EXPECT_NE(failure(weights->stack, input).find("3 row weights"),
            std::string::npos);
  weights->stack.panels[0].rowWeights.assign(rows, -1.0f);
  EXPECT_NE(failure(weights->stack, input).find("negative"), std::string::npos);
  weights->stack.panels.clear();
  EXPECT_NE(failure(weights->stack, input).find("no panels"),
            std::string::npos);
  weights->stack.columns = 12;
  EXPECT_NE(failure(weights->stack, input).find("12 columns"),
            std::string::npos);
}

TEST(DegenerateWeights, ErrorsOfTheReaderComeThrough) {
  auto weights = gaussianStack(columns, {rows});
  weights->stack.readRows = [](size_t, int64_t, int64_t, float *) {
    return llvm::createStringError("disk on fire");
  };
  EXPECT_EQ(failure(weights->stack, correlatedInput(columns)), "disk on fire");
}

TEST(DegenerateWeights, BlocksOfWidthMustBeWholeSteps) {
  auto weights = gaussianStack(columns, {rows});
  QuantizationOptions options;
  options.widthColumns = 12;
  auto table = measureLosses(weights->stack, correlatedInput(columns), options);
  ASSERT_FALSE(static_cast<bool>(table));
  EXPECT_NE(llvm::toString(table.takeError()).find("12 columns"),
            std::string::npos);
}
