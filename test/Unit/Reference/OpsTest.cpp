//===- OpsTest.cpp - values of the reference ops --------------------------===//

#include "picollm/Reference/Ops.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace picollm;

static Matrix random(int64_t rows, int64_t columns, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Matrix m(rows, columns);
  for (float &x : m.data)
    x = normal(generator);
  return m;
}

static void expectNear(const Matrix &a, const Matrix &b, double tolerance) {
  ASSERT_EQ(a.rows, b.rows);
  ASSERT_EQ(a.columns, b.columns);
  for (size_t i = 0; i < a.data.size(); ++i)
    ASSERT_NEAR(a.data[i], b.data[i], tolerance) << "element " << i;
}

TEST(RoundToHalf, EqualsTheSoftwareFloatLibrary) {
  std::mt19937 generator(7);
  std::uniform_int_distribution<uint32_t> bits;
  for (int i = 0; i < 200000; ++i) {
    uint32_t pattern = bits(generator);
    if (i % 2) // exponents around those of halves
      pattern = (pattern & 0x807fffff) | ((100 + pattern % 46) << 23);
    float x;
    memcpy(&x, &pattern, 4);
    llvm::APFloat expected(x);
    bool inexact;
    expected.convert(llvm::APFloat::IEEEhalf(),
                     llvm::APFloat::rmNearestTiesToEven, &inexact);
    expected.convert(llvm::APFloat::IEEEsingle(),
                     llvm::APFloat::rmNearestTiesToEven, &inexact);
    float y = roundToHalf(x), z = expected.convertToFloat();
    if (std::isnan(x))
      ASSERT_TRUE(std::isnan(y));
    else
      ASSERT_EQ(memcmp(&y, &z, 4), 0) << x;
  }
}

TEST(Linear, EqualsSumsInDoubleForShapesThatDoNotDivide) {
  for (auto [tokens, rows, columns] :
       {std::tuple(1, 1, 1), std::tuple(1, 200, 33), std::tuple(3, 193, 17),
        std::tuple(300, 385, 40)}) {
    Matrix x = random(tokens, columns, 1), w = random(rows, columns, 2);
    Matrix y = linear(x, w), expected(tokens, rows);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < columns; ++j)
          sum += double(w.row(i)[j]) * x.row(t)[j];
        expected.row(t)[i] = sum;
      }
    expectNear(y, expected, 1e-4);
  }
}

TEST(Linear, TiledWeightGivesTheSameBits) {
  Matrix x = random(270, 48, 3), w = random(500, 48, 4);
  llvm::Expected<Matrix> tiled =
      linear(x, w.rows, [&](int64_t row, int64_t count, float *scratch) {
        std::copy_n(w.row(row), count * w.columns, scratch);
        return llvm::Expected<const float *>(scratch);
      });
  ASSERT_TRUE(bool(tiled));
  EXPECT_EQ(tiled->data, linear(x, w).data);
}

TEST(Linear, ErrorOfTheWeightIsHandedOn) {
  Matrix x = random(2, 8, 3);
  llvm::Expected<Matrix> result =
      linear(x, 1000, [&](int64_t row, int64_t, float *scratch) {
        if (row >= linearTileRows)
          return llvm::Expected<const float *>(llvm::createStringError(
              llvm::inconvertibleErrorCode(), "no such rows"));
        return llvm::Expected<const float *>(scratch);
      });
  ASSERT_FALSE(bool(result));
  EXPECT_NE(llvm::toString(result.takeError()).find("no such rows"),
            std::string::npos);
}

TEST(Linear, EveryThreadCountGivesTheSameBits) {
  Matrix x = random(300, 64, 5), w = random(400, 64, 6);
  setThreadCount(1);
  Matrix one = linear(x, w);
  for (unsigned threads : {2, 3, 8}) {
    setThreadCount(threads);
    EXPECT_EQ(linear(x, w).data, one.data);
  }
  setThreadCount(0);
}

TEST(RMSNorm, RootMeanSquareBecomesOne) {
  Matrix x = random(3, 32, 1);
  Matrix y = rmsNorm(x, std::vector<float>(32, 1.0f), 0);
  for (int64_t t = 0; t < 3; ++t) {
    double squares = 0;
    for (int64_t j = 0; j < 32; ++j)
      squares += double(y.row(t)[j]) * y.row(t)[j];
    EXPECT_NEAR(squares / 32, 1, 1e-5);
  }
}

TEST(RMSNorm, HeadsAreNormalisedByThemselves) {
  Matrix x = random(2, 12, 1), w = random(1, 4, 2), head(6, 4);
  head.data = x.data;
  EXPECT_EQ(rmsNorm(x, w.data, 0.1).data, rmsNorm(head, w.data, 0.1).data);
}

TEST(RMSNorm, EpsilonKeepsZerosFinite) {
  Matrix y = rmsNorm(Matrix(1, 8), std::vector<float>(8, 2.0f), 1e-5);
  EXPECT_EQ(y.data, std::vector<float>(8, 0.0f));
}

TEST(Rotary, ScoresDependOnTheDistanceOnly) {
  Matrix q = random(1, 16, 1), k = random(1, 16, 2);
  std::vector<double> frequencies{1, 0.3, 0.1, 0.01};
  auto score = [&](int32_t i, int32_t j) {
    Matrix a = rotary(q, i, frequencies, 1, 2);
    Matrix b = rotary(k, j, frequencies, 1, 2);
    double sum = 0;
    for (size_t c = 0; c < a.data.size(); ++c)
      sum += double(a.data[c]) * b.data[c];
    return sum;
  };
  EXPECT_NEAR(score(7, 3), score(1007, 1003), 1e-4);
  EXPECT_NEAR(score(5, 5), score(0, 0), 1e-4);
}

TEST(Rotary, PairsAreHalfAHeadApart) {
  Matrix x(1, 4);
  x.data = {1, 2, 0, 0};
  double quarterTurn = std::acos(-1.0) / 2;
  Matrix y = rotary(x, int32_t(1), {quarterTurn, 0.0}, 1, 1);
  Matrix expected(1, 4);
  expected.data = {0, 2, 1, 0};
  expectNear(y, expected, 1e-6);
}

/// softmax(scale q k^T) v by definition, in double.
static Matrix directAttention(const Matrix &q, const Matrix &k, const Matrix &v,
                              const AttentionHeads &s) {
  Matrix result(q.rows, q.columns);
  for (int64_t t = 0; t < q.rows; ++t)
    for (int64_t h = 0; h < s.heads; ++h) {
      int64_t kv = h * s.kvHeads / s.heads * s.headSize;
      std::vector<double> weights;
      double sum = 0;
      int64_t first = s.window ? std::max<int64_t>(0, t - s.window + 1) : 0;
      for (int64_t p = first; p <= t; ++p) {
        double dot = 0;
        for (int64_t c = 0; c < s.headSize; ++c)
          dot += double(q.row(t)[h * s.headSize + c]) *
                 roundToHalf(k.row(p)[kv + c]);
        weights.push_back(std::exp(s.scale * dot));
        sum += weights.back();
      }
      for (int64_t c = 0; c < s.headSize; ++c) {
        double value = 0;
        for (int64_t p = first; p <= t; ++p)
          value += weights[p - first] / sum * roundToHalf(v.row(p)[kv + c]);
        result.row(t)[h * s.headSize + c] = value;
      }
    }
  return result;
}

TEST(Attention, EqualsTheDefinitionOverSeveralTiles) {
  AttentionHeads shape{6, 2, 8, 0.35};
  Matrix q = random(290, 48, 1), k = random(290, 16, 2), v = random(290, 16, 3);
  expectNear(attention(q, k, v, shape), directAttention(q, k, v, shape), 1e-5);
}

TEST(Attention, WindowEndsAtTheQuery) {
  Matrix q = random(290, 48, 1), k = random(290, 16, 2), v = random(290, 16, 3);
  for (int64_t window : {1, 7, 130, 290, 1000}) {
    AttentionHeads shape{6, 2, 8, 0.35, window};
    expectNear(attention(q, k, v, shape), directAttention(q, k, v, shape),
               1e-5);
  }
}

TEST(Attention, StepByStepEqualsTheWholeSequence) {
  AttentionHeads shape{4, 1, 8, 0.35};
  Matrix q = random(20, 32, 1), k = random(20, 8, 2), v = random(20, 8, 3);
  Matrix whole = attention(q, k, v, shape), steps(20, 32);
  LayerCache cache;
  int64_t position = 0;
  for (int64_t count : {5, 1, 1, 13}) {
    cache.append(k.row(position), v.row(position), count, 8);
    attend(AttentionSpan{q.row(position), count, position, &cache,
                         steps.row(position)},
           shape);
    position += count;
  }
  expectNear(steps, whole, 1e-5);
}

TEST(Attention, TruncatedCacheForgets) {
  Matrix k = random(6, 8, 2), v = random(6, 8, 3);
  LayerCache cache;
  cache.append(k.row(0), v.row(0), 6, 8);
  cache.truncate(2);
  EXPECT_EQ(cache.positions(), 2);
  cache.append(k.row(4), v.row(4), 1, 8);
  EXPECT_EQ(cache.positions(), 3);
  EXPECT_EQ(cache.keys.row(2)[3], roundToHalf(k.row(4)[3]));
}

TEST(Gate, KnownValues) {
  EXPECT_FLOAT_EQ(gateFunction(Gate::SiLU, 1), 0.731058578630f);
  EXPECT_FLOAT_EQ(gateFunction(Gate::SiLU, -100), 0);
  // torch.nn.functional.gelu(x, approximate="tanh") at 1 and -0.5.
  EXPECT_NEAR(gateFunction(Gate::GeLUTanh, 1), 0.8411920f, 1e-6);
  EXPECT_NEAR(gateFunction(Gate::GeLUTanh, -0.5f), -0.1542859f, 1e-6);
}

TEST(Embedding, LooksRowsUp) {
  Matrix w = random(5, 3, 1);
  Matrix y = embedding(w, {4, 0, 4});
  EXPECT_EQ(std::vector<float>(y.row(0), y.row(0) + 3),
            std::vector<float>(w.row(4), w.row(4) + 3));
  EXPECT_EQ(std::vector<float>(y.row(1), y.row(1) + 3),
            std::vector<float>(w.row(0), w.row(0) + 3));
}
