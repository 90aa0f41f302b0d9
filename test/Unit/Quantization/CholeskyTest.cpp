//===- CholeskyTest.cpp - triangular factors on all threads ---------------===//

#include "Cholesky.h"
#include "picollm/Support/Parallel.h"
#include "gtest/gtest.h"
#include <cmath>
#include <mutex>
#include <random>

using namespace picollm;

/// B B^T + I with a random B; nothing useful above the diagonal.
static std::vector<double> positiveDefinite(int64_t n) {
  std::mt19937 random(n);
  std::normal_distribution<double> normal;
  std::vector<double> b(n * n), a(n * n, NAN);
  for (double &value : b)
    value = normal(random);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      a[i * n + j] = i == j;
      for (int64_t k = 0; k < n; ++k)
        a[i * n + j] += b[i * n + k] * b[j * n + k];
    }
  return a;
}

class CholeskyTest : public testing::TestWithParam<int64_t> {};

TEST_P(CholeskyTest, TheFactorTimesItsTransposeIsTheMatrix) {
  const int64_t n = GetParam();
  const std::vector<double> a = positiveDefinite(n);
  std::vector<double> lower = a;
  ASSERT_TRUE(factorCholesky(lower, n));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (int64_t k = 0; k <= j; ++k)
        sum += lower[i * n + k] * lower[j * n + k];
      ASSERT_NEAR(sum, a[i * n + j], 1e-10 * n) << i << ' ' << j;
    }
}

TEST_P(CholeskyTest, TheInverseTimesTheFactorIsOne) {
  const int64_t n = GetParam();
  std::vector<double> lower = positiveDefinite(n);
  ASSERT_TRUE(factorCholesky(lower, n));
  std::vector<double> inverse(n * n);
  std::vector<int> visits(n);
  std::mutex mutex;
  invertLower(
      lower, n, [&](int64_t first, int64_t count, const double *columns) {
        std::lock_guard<std::mutex> lock(mutex);
        for (int64_t c = 0; c < count; ++c) {
          ++visits[first + c];
          for (int64_t i = first; i < n; ++i)
            inverse[i * n + first + c] = columns[(i - first) * count + c];
        }
      });
  for (int64_t j = 0; j < n; ++j) {
    EXPECT_EQ(visits[j], 1);
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t k = j; k <= i; ++k)
        sum += lower[i * n + k] * inverse[k * n + j];
      ASSERT_NEAR(sum, i == j, 1e-9) << i << ' ' << j;
    }
  }
}

TEST_P(CholeskyTest, DoesNotDependOnThreads) {
  const int64_t n = GetParam();
  std::vector<double> one = positiveDefinite(n), three = one;
  setThreadCount(1);
  ASSERT_TRUE(factorCholesky(one, n));
  setThreadCount(3);
  ASSERT_TRUE(factorCholesky(three, n));
  setThreadCount(0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j)
      ASSERT_EQ(one[i * n + j], three[i * n + j]);
}

// Below, at and across the borders of tiles.
INSTANTIATE_TEST_SUITE_P(Sizes, CholeskyTest,
                         testing::Values(1, 7, 192, 193, 450));

TEST(Cholesky, WhatIsNotPositiveDefiniteIsRefused) {
  for (int64_t bad : {0, 100, 299}) {
    std::vector<double> a = positiveDefinite(300);
    a[bad * 300 + bad] = -1;
    EXPECT_FALSE(factorCholesky(a, 300)) << bad;
  }
}
