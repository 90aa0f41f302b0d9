//===- SoftmaxTest.cpp - probabilities from logits ------------------------===//

#include "picollm/Reference/Softmax.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <vector>

using namespace picollm;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Counts around those of lanes and chunks; values as logits have them.
class SoftmaxTest : public testing::TestWithParam<int64_t> {
protected:
  std::vector<float> logits() const {
    std::vector<float> x(GetParam());
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i * 2654435761u % 20000) / 500 - 30;
    return x;
  }

  static double logSum(const std::vector<float> &x) {
    double sum = 0;
    for (float value : x)
      sum += std::exp(double(value));
    return std::log(sum);
  }
};

TEST_P(SoftmaxTest, GivesProbabilities) {
  const std::vector<float> x = logits();
  std::vector<float> p = x;
  softmax(p.data(), p.size());
  const double sum = logSum(x);
  // A difference of 40 is rounded by up to 2e-6.
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(p[i] / std::exp(x[i] - sum), 1, 4e-6) << i;
}

TEST_P(SoftmaxTest, GivesTheirLogarithms) {
  const std::vector<float> x = logits();
  std::vector<float> logs = x;
  logSoftmax(logs.data(), logs.size());
  const double sum = logSum(x);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(logs[i], x[i] - sum, 1e-5) << i;
}

TEST_P(SoftmaxTest, OfLargeLogitsIsFinite) {
  std::vector<float> p(GetParam(), 1e30f);
  softmax(p.data(), p.size());
  for (float value : p)
    EXPECT_FLOAT_EQ(value, 1.0f / float(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Counts, SoftmaxTest,
                         testing::Values(1, 2, 7, 8, 9, 64, 1023, 1024, 1031,
                                         5000));

TEST(ExponentialsTest, AreNearThoseOfTheStandardLibrary) {
  std::vector<float> arguments;
  for (double x = -87.3; x < 88.3; x += 0.00037)
    arguments.push_back(float(x));
  std::vector<float> found = arguments;
  exponentials(found.data(), found.size());
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i] / std::exp(double(arguments[i])), 1, 2e-7)
        << arguments[i];
}

TEST(ExponentialsTest, OfWhatIsNotFinite) {
  std::vector<float> x(19, -infinity);
  x[3] = infinity;
  x[7] = std::nanf("");
  x[8] = 0;
  x[9] = -200;
  x[18] = 1;
  exponentials(x.data(), x.size());
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[3], infinity);
  EXPECT_TRUE(std::isnan(x[7]));
  EXPECT_EQ(x[8], 1);
  EXPECT_EQ(x[9], 0);
  EXPECT_NEAR(x[18], std::exp(1.0), 1e-6);
}

} // namespace
