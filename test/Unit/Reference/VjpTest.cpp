//===- VjpTest.cpp - gradients against finite differences -----------------===//

#include "picollm/Reference/Ops.h"
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <random>

using namespace picollm;

// Values and step are multiples of 2^-6 within +-4, so that they and their
// neighbours are exact halves: attention's rounding of keys and values then
// changes nothing, and the difference quotient sees the smooth function.
static constexpr float step = 1.0f / 64;

static Matrix random(int64_t rows, int64_t columns, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int> integer(-96, 96);
  Matrix m(rows, columns);
  for (float &x : m.data)
    x = integer(generator) * step;
  return m;
}

/// L = sum(d * f()), in double.
static double loss(const Matrix &result, const Matrix &d) {
  double sum = 0;
  for (size_t i = 0; i < d.data.size(); ++i)
    sum += double(result.data[i]) * d.data[i];
  return sum;
}

/// Compares `gradient` with (L(x + h) - L(x - h)) / 2h, improved once by
/// Richardson's extrapolation, for every element of `x`, which f reads.
static void expectGradient(std::vector<float> &x,
                           const std::vector<float> &gradient, const Matrix &d,
                           const std::function<Matrix()> &f) {
  ASSERT_EQ(x.size(), gradient.size());
  double largest = 0;
  for (float g : gradient)
    largest = std::max<double>(largest, std::fabs(g));
  EXPECT_GT(largest, 0.01) << "a gradient of zeros proves nothing";
  for (size_t i = 0; i < x.size(); ++i) {
    float middle = x[i];
    auto quotient = [&](float h) {
      x[i] = middle + h;
      double up = loss(f(), d);
      x[i] = middle - h;
      double down = loss(f(), d);
      x[i] = middle;
      return (up - down) / (2.0 * h);
    };
    double near = quotient(step), far = quotient(2 * step);
    double expected = near + (near - far) / 3;
    ASSERT_NEAR(gradient[i], expected, 1e-3 * std::max(1.0, largest))
        << "element " << i;
  }
}

TEST(Vjp, Embedding) {
  Matrix w = random(6, 5, 1), d = random(4, 5, 2);
  std::vector<int32_t> tokens{3, 0, 3, 5};
  Matrix gradient = embeddingVjp(6, tokens, d);
  expectGradient(w.data, gradient.data, d,
                 [&] { return embedding(w, tokens); });
}

TEST(Vjp, ScaledEmbedding) {
  Matrix w = random(6, 5, 1), d = random(4, 5, 2);
  std::vector<int32_t> tokens{3, 0, 3, 5};
  Matrix gradient = embeddingVjp(6, tokens, scaled(d, 2.5));
  expectGradient(w.data, gradient.data, d,
                 [&] { return scaled(embedding(w, tokens), 2.5); });
}

TEST(Vjp, RMSNormOfHeads) {
  Matrix x = random(3, 12, 1), w = random(1, 4, 2), d = random(3, 12, 3);
  auto f = [&] { return rmsNorm(x, w.data, 1e-2); };
  RMSNormGradient gradient = rmsNormVjp(x, w.data, 1e-2, d);
  expectGradient(x.data, gradient.input.data, d, f);
  expectGradient(w.data, gradient.weight, d, f);
}

TEST(Vjp, RMSNorm) {
  Matrix x = random(3, 10, 1), w = random(1, 10, 2), d = random(3, 10, 3);
  auto f = [&] { return rmsNorm(x, w.data, 1e-2); };
  RMSNormGradient gradient = rmsNormVjp(x, w.data, 1e-2, d);
  expectGradient(x.data, gradient.input.data, d, f);
  expectGradient(w.data, gradient.weight, d, f);
}

TEST(Vjp, Linear) {
  Matrix x = random(5, 12, 1), w = random(9, 12, 2), d = random(5, 9, 3);
  auto f = [&] { return linear(x, w); };
  expectGradient(x.data, linearInputVjp(w, d).data, d, f);
  expectGradient(w.data, linearWeightVjp(x, d).data, d, f);
}

TEST(Vjp, LinearOfSeveralTiles) {
  Matrix x = random(260, 3, 1), w = random(200, 3, 2), d = random(260, 200, 3);
  auto f = [&] { return linear(x, w); };
  expectGradient(x.data, linearInputVjp(w, d).data, d, f);
  expectGradient(w.data, linearWeightVjp(x, d).data, d, f);
}

TEST(Vjp, Rotary) {
  Matrix x = random(3, 16, 1), d = random(3, 16, 2);
  std::vector<int32_t> positions{0, 5, 911};
  std::vector<double> frequencies{1, 0.2, 0.04, 0.008};
  Matrix gradient = rotaryVjp(positions, frequencies, 1.1, 2, d);
  expectGradient(x.data, gradient.data, d,
                 [&] { return rotary(x, positions, frequencies, 1.1, 2); });
}

TEST(Vjp, GroupedQueryAttention) {
  AttentionHeads shape{4, 2, 4, 0.4};
  Matrix q = random(6, 16, 1), k = random(6, 8, 2), v = random(6, 8, 3);
  Matrix d = random(6, 16, 4);
  auto f = [&] { return attention(q, k, v, shape); };
  AttentionGradient gradient = attentionVjp(q, k, v, shape, d);
  expectGradient(q.data, gradient.query.data, d, f);
  expectGradient(k.data, gradient.key.data, d, f);
  expectGradient(v.data, gradient.value.data, d, f);
}

TEST(Vjp, AttentionInAWindow) {
  AttentionHeads shape{4, 2, 4, 0.4, /*window=*/3};
  Matrix q = random(6, 16, 1), k = random(6, 8, 2), v = random(6, 8, 3);
  Matrix d = random(6, 16, 4);
  auto f = [&] { return attention(q, k, v, shape); };
  AttentionGradient gradient = attentionVjp(q, k, v, shape, d);
  expectGradient(q.data, gradient.query.data, d, f);
  expectGradient(k.data, gradient.key.data, d, f);
  expectGradient(v.data, gradient.value.data, d, f);
}

TEST(Vjp, GatedBySiLUAndGeLU) {
  for (Gate function : {Gate::SiLU, Gate::GeLUTanh}) {
    Matrix gate = random(4, 7, 1), up = random(4, 7, 2), d = random(4, 7, 3);
    auto f = [&] { return gated(function, gate, up); };
    GatedGradient gradient = gatedVjp(function, gate, up, d);
    expectGradient(gate.data, gradient.gate.data, d, f);
    expectGradient(up.data, gradient.up.data, d, f);
  }
}

TEST(Vjp, AddPassesTheGradientToBoth) {
  Matrix a = random(2, 3, 1), b = random(2, 3, 2), d = random(2, 3, 3);
  auto f = [&] { return add(a, b); };
  expectGradient(a.data, d.data, d, f);
  expectGradient(b.data, d.data, d, f);
}
