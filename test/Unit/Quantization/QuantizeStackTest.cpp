//===- QuantizeStackTest.cpp ----------------------------------------------===//

#include "SyntheticStack.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace picollm;

namespace {

QuantizedStack quantize(const SyntheticStack &weights,
                        const InputStatistics &statistics,
                        const StackAllocation &allocation,
                        const QuantizationOptions &options = {}) {
  QuantizedStack result = llvm::cantFail(
      quantizeStack(weights.stack, statistics, allocation, options));
  llvm::Error error = checkQuantizedMatrix(result.matrix);
  EXPECT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
  return result;
}

InputStatistics diagonalOf(const InputStatistics &statistics, int64_t columns) {
  InputStatistics diagonal;
  for (int64_t j = 0; j < columns; ++j)
    diagonal.moment.push_back(statistics.moment[j * columns + j]);
  return diagonal;
}

/// A file just large enough for `bits` of tiles per weight.
Allocation allocate(const LossTable &table, double bits) {
  int64_t rows = 0;
  for (int64_t panel : table.rows)
    rows += panel;
  int64_t weights = rows * table.columns;
  return llvm::cantFail(
      allocateBits(table, FileBudget::ofBits(bits, weights, 4096)));
}

} // namespace

TEST(QuantizeStack, ErrorFallsWithEachBit) {
  auto weights = gaussianStack(96, {64});
  InputStatistics input = correlatedInput(96);
  double last = 1.0;
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16}) {
    QuantizedStack result =
        quantize(*weights, input, uniformAllocation(weights->stack, bits));
    double error = outputError(*weights, result.matrix, 0, input);
    EXPECT_LT(error, bits == 1 ? last : 0.5 * last) << bits << " bits";
    last = error;
  }
  EXPECT_LT(last, 1e-6);
}

TEST(QuantizeStack, FeedbackBeatsRoundingOnCorrelatedInputs) {
  auto weights = gaussianStack(128, {96});
  InputStatistics input = correlatedInput(128);
  for (int64_t bits : {2, 3, 4, 5}) {
    StackAllocation allocation = uniformAllocation(weights->stack, bits);
    double feedback = outputError(
        *weights, quantize(*weights, input, allocation).matrix, 0, input);
    double rounding = outputError(
        *weights, quantize(*weights, diagonalOf(input, 128), allocation).matrix,
        0, input);
    EXPECT_LT(feedback, 0.7 * rounding) << bits << " bits";
  }
}

/// Two panels with borders of their own: columns move only where both have one
/// width, so that every input column keeps its widths.
TEST(QuantizeStack, ColumnsOfOneWidthAreStoredByWhatIsEncoded) {
  const int64_t columns = 96;
  auto weights = gaussianStack(columns, {32, 32});
  StackAllocation allocation;
  allocation.layout = {columns,
                       {{32, {{5, 32}, {3, 64}}}, {32, {{4, 64}, {2, 32}}}}};
  for (int64_t j = 0; j < columns; ++j)
    allocation.order.push_back(uint32_t(j * 37 % columns));
  InputStatistics input;
  for (int64_t j = 0; j < columns; ++j)
    input.moment.push_back(std::pow(1.15f, float(j * 53 % 97)));
  const QuantizedMatrix matrix = quantize(*weights, input, allocation).matrix;
  EXPECT_NE(matrix.order, allocation.order);
  for (int64_t begin : {0, 32, 64}) {
    auto range = [&](const std::vector<uint32_t> &order) {
      return std::set<uint32_t>(order.begin() + begin,
                                order.begin() + begin + 32);
    };
    EXPECT_EQ(range(matrix.order), range(allocation.order));
    auto magnitude = [&](int64_t at) {
      const float scale = halfToFloat(matrix.columnScales[at]);
      return input.moment[matrix.order[at]] * scale * scale;
    };
    for (int64_t j = begin + 1; j < begin + 32; ++j)
      EXPECT_LE(magnitude(j), 1.01 * magnitude(j - 1)) << "column " << j;
    EXPECT_GT(magnitude(begin), 100 * magnitude(begin + 31));
  }
}

TEST(QuantizeStack, RefinementLowersTheErrorOfFeedback) {
  InputStatistics input = correlatedInput(128);
  QuantizationOptions without, with;
  without.refinementSweeps = 0;
  for (int64_t bits : {1, 2, 3, 4}) {
    double ratio = 0;
    for (unsigned seed = 1; seed <= 4; ++seed) {
      auto weights = gaussianStack(128, {96}, seed);
      StackAllocation allocation = uniformAllocation(weights->stack, bits);
      auto error = [&](const QuantizationOptions &options) {
        return outputError(
            *weights, quantize(*weights, input, allocation, options).matrix, 0,
            input);
      };
      ratio += error(with) / error(without) / 4;
    }
    EXPECT_LT(ratio, 0.97) << bits << " bits";
  }
}

/// After enough sweeps no code can go up or down by one alone and gain.
TEST(QuantizeStack, RefinementEndsWhereNoCodeAloneCanGain) {
  const int64_t columns = 64;
  auto weights = gaussianStack(columns, {16});
  InputStatistics input = correlatedInput(columns);
  QuantizationOptions options;
  options.refinementSweeps = 50;
  options.refitScales = false;
  options.damping = 1e-4;
  QuantizedMatrix matrix =
      quantize(*weights, input, uniformAllocation(weights->stack, 2), options)
          .matrix;
  const double least =
      outputError(*weights, matrix, 0, input, /*relative=*/false);
  int gains = 0;
  for (uint16_t &code : matrix.panels[0].codes)
    for (int change : {-1, 1}) {
      if (code + change < 0 || code + change > 3)
        continue;
      code += change;
      gains += outputError(*weights, matrix, 0, input, /*relative=*/false) <
               least * (1 - 1e-4);
      code -= change;
    }
  EXPECT_EQ(gains, 0);
}

/// tr F E H E^T over the mean of what the weights themselves give.
double costOfErrors(const SyntheticStack &weights,
                    const QuantizedMatrix &matrix, const InputStatistics &input,
                    const std::vector<float> &outputs) {
  const int64_t rows = weights.stack.panels[0].rows,
                columns = weights.stack.columns;
  std::vector<float> errors(rows * columns);
  for (int64_t i = 0; i < rows; ++i) {
    dequantizeRow(matrix, 0, i, &errors[i * columns]);
    for (int64_t j = 0; j < columns; ++j)
      errors[i * columns + j] -= weights.values[0][i * columns + j];
  }
  double cost = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double eH = 0, Fe = 0;
      for (int64_t l = 0; l < columns; ++l)
        eH += double(errors[i * columns + l]) * input.moment[l * columns + j];
      for (int64_t k = 0; k < rows; ++k)
        Fe += double(outputs[i * rows + k]) * errors[k * columns + j];
      cost += eH * Fe;
    }
  return cost;
}

TEST(QuantizeStack, FeedbackOverRowsLowersTheCostOfCorrelatedOutputs) {
  auto weights = gaussianStack(128, {200});
  InputStatistics input = correlatedInput(128);
  std::vector<float> outputs = correlatedInput(200, 7).moment;
  QuantizationOptions options;
  options.outputDamping = 1e-3; // the moment is known exactly
  StackPanel &panel = weights->stack.panels[0];
  for (int64_t i = 0; i < 200; ++i)
    panel.rowWeights.push_back(outputs[i * 200 + i]);
  for (int64_t bits : {2, 3, 4, 5}) {
    StackAllocation allocation = uniformAllocation(weights->stack, bits);
    panel.outputMoment.clear();
    double without = costOfErrors(
        *weights, quantize(*weights, input, allocation, options).matrix, input,
        outputs);
    panel.outputMoment = outputs;
    double with = costOfErrors(
        *weights, quantize(*weights, input, allocation, options).matrix, input,
        outputs);
    EXPECT_LT(with, 0.8 * without) << bits << " bits";
  }
}

namespace {

/// Statistics of x_float = 1.5 x and r_float - r = A x: the answer to drift is
/// known, half of the weights and A.
struct KnownDrift {
  static constexpr int64_t rows = 48, columns = 64;
  std::unique_ptr<SyntheticStack> weights = gaussianStack(columns, {rows});
  std::unique_ptr<SyntheticStack> residual =
      gaussianStack(columns, {rows}, /*seed=*/5);
  InputStatistics input = correlatedInput(columns);
  QuantizationOptions options;

  KnownDrift() {
    options.driftDamping = 1e-6;
    for (float value : input.moment)
      input.drift.push_back(0.5f * value);
    StackPanel &panel = weights->stack.panels[0];
    panel.residualDrift.resize(rows * columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < columns; ++k)
          sum += double(residual->values[0][i * columns + k]) *
                 input.moment[k * columns + j];
        panel.residualDrift[i * columns + j] = float(sum);
      }
    input.half = {0.5, input.moment, input.drift};
    panel.residualDriftOfHalf = panel.residualDrift;
  }

  /// Adds noise to what each half says, of the answer's size times `size`.
  void addNoise(float size) {
    auto add = [&](std::vector<float> &all, std::vector<float> &half,
                   unsigned seed, float answer) {
      const int64_t count = int64_t(all.size()) / columns;
      std::mt19937 random(seed);
      std::normal_distribution<float> normal(0, size * answer);
      for (int64_t i = 0; i < count; ++i) {
        // Of the answer, so that noise has the directions that inputs have.
        std::vector<float> a(columns), b(columns);
        for (int64_t k = 0; k < columns; ++k)
          a[k] = normal(random), b[k] = normal(random);
        for (int64_t j = 0; j < columns; ++j)
          for (int64_t k = 0; k < columns; ++k) {
            const float h = input.moment[k * columns + j];
            half[i * columns + j] += a[k] * h;
            all[i * columns + j] += (a[k] + b[k]) / 2 * h;
          }
      }
    };
    StackPanel &panel = weights->stack.panels[0];
    add(input.drift, input.half.drift, 11, 0.5f / std::sqrt(float(columns)));
    add(panel.residualDrift, panel.residualDriftOfHalf, 12, 0.02f);
  }

  /// How far the quantised rows are from the weights with `share` of the
  /// answer, over these.
  double errorFrom(float share) const {
    QuantizedMatrix matrix =
        quantize(*weights, input, uniformAllocation(weights->stack, 16),
                 options)
            .matrix;
    auto expected = gaussianStack(columns, {rows});
    for (size_t k = 0; k < expected->values[0].size(); ++k)
      expected->values[0][k] +=
          share * (0.5f * weights->values[0][k] + residual->values[0][k]);
    return outputError(*expected, matrix, 0, input);
  }
};

} // namespace

TEST(QuantizeStack, MakesGoodForDriftThatAllTextsShow) {
  EXPECT_LT(KnownDrift().errorFrom(1), 1e-5);
}

TEST(QuantizeStack, LeavesDriftThatNothingConfirms) {
  KnownDrift drift;
  drift.input.half = {};
  EXPECT_LT(drift.errorFrom(0), 1e-5);
}

/// Halves that contradict each other, and, beside them, that say the same.
TEST(QuantizeStack, LeavesDriftThatIsNoise) {
  KnownDrift drift;
  drift.addNoise(30);
  const double error = drift.errorFrom(0);
  StackPanel &panel = drift.weights->stack.panels[0];
  panel.residualDriftOfHalf = panel.residualDrift;
  drift.input.half.drift = drift.input.drift;
  EXPECT_LT(error, 0.1 * drift.errorFrom(0));
}

/// The noisier, the less of it is taken: always nearer to the answer than the
/// weights are.
TEST(QuantizeStack, MakesGoodForAShareOfNoisyDrift) {
  KnownDrift none;
  none.input.half = {};
  const double nothing = none.errorFrom(1);
  double last = 0;
  for (float noise : {0.1f, 0.3f, 1.0f}) {
    KnownDrift drift;
    drift.addNoise(noise);
    const double error = drift.errorFrom(1);
    EXPECT_GT(error, last) << noise;
    EXPECT_LT(error, nothing) << noise;
    last = error;
  }
}

TEST(QuantizeStack, RefusesDriftOfAnotherShape) {
  auto weights = gaussianStack(32, {8});
  InputStatistics input = correlatedInput(32);
  input.drift.resize(32);
  auto refusal = [&](const InputStatistics &statistics) {
    return llvm::toString(quantizeStack(weights->stack, statistics,
                                        uniformAllocation(weights->stack, 4),
                                        QuantizationOptions())
                              .takeError());
  };
  EXPECT_NE(refusal(input).find("drift of the input has 32 entries"),
            std::string::npos);
  input.drift.resize(32 * 32, NAN);
  EXPECT_NE(refusal(input).find("drift of the input is not finite"),
            std::string::npos);
  input.drift.clear();
  weights->stack.panels[0].residualDrift.resize(3);
  EXPECT_NE(refusal(input).find("3 entries of residual drift"),
            std::string::npos);
}

TEST(QuantizeStack, RefittedScalesLowerTheError) {
  auto weights = gaussianStack(128, {96});
  InputStatistics input = correlatedInput(128);
  QuantizationOptions plain;
  plain.refitScales = false;
  for (int64_t bits : {1, 2, 3}) {
    StackAllocation allocation = uniformAllocation(weights->stack, bits);
    double with = outputError(
        *weights, quantize(*weights, input, allocation).matrix, 0, input);
    double without = outputError(
        *weights, quantize(*weights, input, allocation, plain).matrix, 0,
        input);
    EXPECT_LT(with, without) << bits << " bits";
  }
}

// Without refinement and refit, the loss that feedback counts is that of the
// result under the damped moment (an identity of GPTQ).
TEST(QuantizeStack, StatedLossIsTheOutputErrorUnderTheDampedMoment) {
  auto weights = gaussianStack(64, {48, 32});
  InputStatistics input = correlatedInput(64), damped = input;
  QuantizationOptions options;
  options.refitScales = false;
  options.refinementSweeps = 0;
  double mean = 0;
  for (int64_t j = 0; j < 64; ++j)
    mean += input.moment[j * 65] / 64.0;
  for (int64_t j = 0; j < 64; ++j)
    damped.moment[j * 65] += float(options.damping * mean);
  QuantizedStack result =
      quantize(*weights, input, uniformAllocation(weights->stack, 3), options);
  for (size_t p = 0; p < 2; ++p) {
    double error = outputError(*weights, result.matrix, p, damped, false);
    EXPECT_NEAR(result.losses[p] / error, 1.0, 0.01);
  }
}

TEST(QuantizeStack, MeasuredLossForetellsTheLossOfFeedback) {
  auto weights = gaussianStack(128, {256});
  InputStatistics input = correlatedInput(128);
  weights->stack.panels[0].rowWeights.assign(256, 1.0f);
  LossTable table = llvm::cantFail(measureLosses(weights->stack, input, {}));
  for (double bits : {5.0, 6.0, 8.0}) {
    Allocation allocation = allocate(table, bits);
    QuantizedStack result = quantize(*weights, input, allocation.stacks[0]);
    EXPECT_NEAR(result.losses[0] / allocation.stacks[0].losses[0], 1.0, 0.35)
        << bits << " bits";
  }
}

TEST(QuantizeStack, ChosenWidthsBeatOneWidthAtEqualSize) {
  auto weights = gaussianStack(256, {128});
  InputStatistics input = correlatedInput(256);
  LossTable table = llvm::cantFail(measureLosses(weights->stack, input, {}));
  StackAllocation uniform = uniformAllocation(weights->stack, 3);
  FileBudget budget;
  budget.fileBytes = 4096 + matrixBytes(uniform.layout);
  budget.fixedBytes = 4096;
  Allocation chosen = llvm::cantFail(allocateBits(table, budget));
  double mixed = outputError(
      *weights, quantize(*weights, input, chosen.stacks[0]).matrix, 0, input);
  double even = outputError(*weights, quantize(*weights, input, uniform).matrix,
                            0, input);
  EXPECT_LT(mixed, 0.8 * even);
}

TEST(QuantizeStack, PanelsShareColumnScalesAtDifferentWidths) {
  auto weights = gaussianStack(64, {64, 32, 32});
  for (float &value : weights->values[2])
    value *= 30.0f;
  InputStatistics input = correlatedInput(64);
  StackAllocation allocation = uniformAllocation(weights->stack, 4);
  allocation.layout.panels[1].segments = {{8, 32}, {2, 32}};
  allocation.layout.panels[2].segments = {{16, 8}, {3, 56}};
  QuantizedStack result = quantize(*weights, input, allocation);
  EXPECT_LT(outputError(*weights, result.matrix, 0, input), 0.02);
  EXPECT_LT(outputError(*weights, result.matrix, 2, input), 0.06);
  EXPECT_EQ(result.losses.size(), 3u);
}

TEST(QuantizeStack, RowWeightsDrawPrecisionToTheirRows) {
  auto weights = gaussianStack(64, {64});
  InputStatistics input = correlatedInput(64);
  StackAllocation allocation = uniformAllocation(weights->stack, 2);
  std::vector<float> first(64, 0.01f);
  std::fill_n(first.begin(), 16, 10.0f);
  QuantizedMatrix plain = quantize(*weights, input, allocation).matrix;
  weights->stack.panels[0].rowWeights = first;
  QuantizedMatrix weighted = quantize(*weights, input, allocation).matrix;
  EXPECT_LT(outputError(*weights, weighted, 0, input),
            outputError(*weights, plain, 0, input));
}

TEST(QuantizeStack, SampledScalesServeTheRowsOutsideTheSample) {
  auto weights = gaussianStack(64, {1500});
  InputStatistics input = correlatedInput(64);
  StackAllocation allocation = uniformAllocation(weights->stack, 3);
  QuantizationOptions sampled;
  sampled.sampleRows = 200;
  sampled.cacheBytes = 0; // stream
  double all = outputError(
      *weights, quantize(*weights, input, allocation).matrix, 0, input);
  double some = outputError(
      *weights, quantize(*weights, input, allocation, sampled).matrix, 0,
      input);
  EXPECT_LT(some, 1.15 * all);
}

TEST(QuantizeStack, ResultDoesNotDependOnThreadsOrCache) {
  auto weights = gaussianStack(64, {2100, 40});
  InputStatistics input = correlatedInput(64);
  StackAllocation allocation = uniformAllocation(weights->stack, 3);
  QuantizationOptions stream;
  stream.cacheBytes = 0;
  setThreadCount(1);
  QuantizedMatrix one = quantize(*weights, input, allocation).matrix;
  setThreadCount(3);
  QuantizedMatrix three = quantize(*weights, input, allocation, stream).matrix;
  setThreadCount(0);
  EXPECT_EQ(one.columnScales, three.columnScales);
  for (size_t p = 0; p < 2; ++p) {
    EXPECT_EQ(one.panels[p].codes, three.panels[p].codes);
    EXPECT_EQ(one.panels[p].rowScales, three.panels[p].rowScales);
  }
}

TEST(QuantizeStack, RefusesAllocationsOfAnotherShape) {
  auto weights = gaussianStack(64, {32});
  InputStatistics input = correlatedInput(64);
  auto message = [&](const StackAllocation &allocation) {
    auto result = quantizeStack(weights->stack, input, allocation, {});
    return result ? "" : llvm::toString(result.takeError());
  };
  StackAllocation good = uniformAllocation(weights->stack, 3), bad = good;
  EXPECT_EQ(message(good), "");
  bad.layout.panels[0].rows = 31;
  EXPECT_NE(message(bad).find("31 rows"), std::string::npos);
  bad = good;
  bad.order[3] = bad.order[4];
  EXPECT_NE(message(bad).find("permutation"), std::string::npos);
  bad = good;
  bad.layout.panels.push_back(bad.layout.panels[0]);
  EXPECT_NE(message(bad).find("2 panels"), std::string::npos);
}

TEST(MakeHalfMatrix, KeepsWeightsAsHalves) {
  auto weights = gaussianStack(16, {5, 3});
  QuantizedMatrix matrix = llvm::cantFail(makeHalfMatrix(weights->stack));
  llvm::cantFail(checkQuantizedMatrix(matrix));
  float row[16];
  for (size_t p = 0; p < 2; ++p)
    for (int64_t i = 0; i < matrix.layout.panels[p].rows; ++i) {
      dequantizeRow(matrix, p, i, row);
      for (int64_t j = 0; j < 16; ++j)
        EXPECT_EQ(row[j],
                  halfToFloat(floatToHalf(weights->values[p][i * 16 + j])));
    }
  weights->values[1][7] = 1e6f;
  auto beyond = makeHalfMatrix(weights->stack);
  ASSERT_FALSE(static_cast<bool>(beyond));
  EXPECT_NE(llvm::toString(beyond.takeError()).find("65504"),
            std::string::npos);
}
