//===- AttentionTest.cpp - attention against a double-precision loop ------===//

#include "AttentionLibrary.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <tuple>

using namespace picollm;

namespace {

constexpr uint16_t kHalfNaN = 0x7e00;
constexpr float kGuard = 12345.0f;

double halfValue(uint16_t half) {
  const int exponent = (half >> 10) & 31, mantissa = half & 1023;
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, -24)
                               : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

struct Case {
  int64_t headSize, group, position, tokens;
  /// Size of q. At 1 scores are a few units.
  float magnitude = 1.0f;
  int64_t window = 0;

  AttentionShape shape() const { return {headSize, group, window}; }
};

/// Operands with room that must not be read (NaN) or written (guards).
struct Operands {
  explicit Operands(const Case &c)
      : c(c), stride(c.group * c.headSize + 12), length(c.position + c.tokens),
        unread(c.window ? std::max<int64_t>(0, c.position + 1 - c.window) : 0),
        q(stride * c.tokens, NAN), k((length + 300) * c.headSize, kHalfNaN),
        v(k), scale(1.0f / std::sqrt(float(c.headSize))) {
    std::mt19937 random(7 * c.headSize + c.group + 31 * length);
    std::normal_distribution<float> normal(0.0f, c.magnitude);
    for (int64_t t = 0; t < c.tokens; ++t)
      for (int64_t i = 0; i < c.group * c.headSize; ++i)
        q[t * stride + i] = normal(random);
    // Sign, exponents of 2^-24 (subnormals included) up to 2, any mantissa.
    std::uniform_int_distribution<int> half(0, 0x4000);
    for (std::vector<uint16_t> *cache : {&k, &v})
      for (int64_t i = unread * c.headSize; i < length * c.headSize; ++i)
        (*cache)[i] = uint16_t(half(random) | (random() & 1) << 15);
  }

  const float *query(int64_t t, int64_t head) const {
    return q.data() + t * stride + head * c.headSize;
  }

  Case c;
  int64_t stride, length;
  int64_t unread; ///< positions before the window of the first token
  std::vector<float> q;
  std::vector<uint16_t> k, v;
  float scale;
};

/// Output of one query by the definition, in double precision.
std::vector<double> attend(const Operands &o, int64_t token, int64_t head) {
  const int64_t size = o.c.headSize, count = o.c.position + token + 1;
  const int64_t first =
      o.c.window ? std::max<int64_t>(0, count - o.c.window) : 0;
  std::vector<double> scores(count), result(size);
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t p = first; p < count; ++p) {
    for (int64_t d = 0; d < size; ++d)
      scores[p] += double(o.query(token, head)[d]) *
                   halfValue(o.k[p * size + d]) * o.scale;
    maximum = std::max(maximum, scores[p]);
  }
  for (int64_t p = first; p < count; ++p) {
    const double weight = std::exp(scores[p] - maximum);
    sum += weight;
    for (int64_t d = 0; d < size; ++d)
      result[d] += weight * halfValue(o.v[p * size + d]);
  }
  for (double &value : result)
    value /= sum;
  return result;
}

/// Calls the function on tokens [begin, end) of the operands; `out` has the
/// stride of q and guards between tokens and at its end.
void run(AttentionFunction function, const Operands &o, int64_t begin,
         int64_t end, std::vector<float> &out) {
  const int64_t floats = attentionWorkspaceFloats(o.c.shape());
  const float nan = NAN;
  std::vector<float> memory(floats + 48, nan);
  auto address = reinterpret_cast<uintptr_t>(memory.data());
  float *workspace = memory.data() + (64 - address % 64) % 64 / 4;
  std::fill_n(workspace + floats, 16, kGuard);
  function(o.q.data() + begin * o.stride, o.stride, o.k.data(), o.v.data(),
           o.c.position + begin, end - begin, out.data() + begin * o.stride,
           o.stride, o.scale, workspace);
  for (int i = 0; i < 16; ++i)
    ASSERT_EQ(workspace[floats + i], kGuard) << "wrote past the workspace";
}

std::vector<float> makeOutput(const Operands &o) {
  return std::vector<float>(o.stride * o.c.tokens, kGuard);
}

/// Largest difference divided by the largest value of the reference.
double relativeError(const Operands &o, const std::vector<float> &out) {
  double difference = 0, largest = 0;
  for (int64_t t = 0; t < o.c.tokens; ++t)
    for (int64_t h = 0; h < o.c.group; ++h) {
      const std::vector<double> expected = attend(o, t, h);
      for (int64_t d = 0; d < o.c.headSize; ++d) {
        const double found = out[t * o.stride + h * o.c.headSize + d];
        if (!std::isfinite(found))
          return std::numeric_limits<double>::infinity();
        difference = std::max(difference, std::abs(found - expected[d]));
        largest = std::max(largest, std::abs(expected[d]));
      }
    }
  return difference / largest;
}

class Attention : public ::testing::TestWithParam<NamedTarget> {
protected:
  void SetUp() override {
    if (!runsHere(GetParam().name))
      GTEST_SKIP() << "this CPU lacks " << GetParam().features;
  }

  AttentionFunction get(int64_t headSize, int64_t group, int64_t window = 0) {
    AttentionFunction &function = functions[{headSize, group, window}];
    if (!function) {
      AttentionLibrary library({headSize, group, window},
                               makeTarget(GetParam().name));
      EXPECT_EQ(library.error, "");
      function = library.function;
    }
    return function;
  }

  void check(const Case &c, double tolerance) {
    SCOPED_TRACE(::testing::Message()
                 << "head size " << c.headSize << ", group " << c.group
                 << ", position " << c.position << ", tokens " << c.tokens
                 << ", window " << c.window);
    AttentionFunction function = get(c.headSize, c.group, c.window);
    ASSERT_TRUE(function);
    const Operands operands(c);
    std::vector<float> out = makeOutput(operands);
    run(function, operands, 0, c.tokens, out);
    EXPECT_LT(relativeError(operands, out), tolerance);
    for (int64_t t = 0; t < c.tokens; ++t)
      for (int64_t i = c.group * c.headSize; i < operands.stride; ++i)
        ASSERT_EQ(out[t * operands.stride + i], kGuard)
            << "wrote between tokens";
  }

  std::map<std::tuple<int64_t, int64_t, int64_t>, AttentionFunction> functions;
};

TEST_P(Attention, DecodeOfEveryLength) {
  for (int64_t length : {1, 2, 7, 8, 9, 255, 256, 257, 512, 513, 1000})
    check({64, 3, length - 1, 1}, 5e-6);
}

constexpr std::pair<int64_t, int64_t> kShapes[] = {
    {4, 1},  {8, 1},  {8, 3},   {12, 4},  {16, 2},  {16, 3}, {20, 1},
    {24, 3}, {32, 1}, {32, 8},  {64, 1},  {64, 4},  {64, 8}, {80, 4},
    {96, 3}, {96, 5}, {128, 1}, {128, 4}, {256, 1}, {32, 7}, {32, 11},
};

TEST_P(Attention, DecodeOfEveryShape) {
  for (auto [headSize, group] : kShapes) {
    check({headSize, group, 0, 1}, 5e-6);
    check({headSize, group, 299, 1}, 5e-6);
  }
}

TEST_P(Attention, PrefillOfEveryTokenCount) {
  for (int64_t tokens = 1; tokens <= 70; ++tokens)
    check({16, 3,
           tokens % 3 == 0   ? 0
           : tokens % 3 == 1 ? 5
                             : 250,
           tokens},
          5e-6);
}

TEST_P(Attention, PrefillOfEveryShape) {
  for (auto [headSize, group] : kShapes)
    for (int64_t position : {0, 5, 250})
      check({headSize, group, position, 13}, 5e-6);
}

TEST_P(Attention, PrefillThatEndsInALaterPiece) {
  // Rows of the block that starts before 256 attend nothing of the next piece.
  check({32, 2, 0, 300}, 5e-6);
  check({32, 2, 230, 64}, 5e-6);
}

// Windows within a piece, of a piece, across pieces; before and after they are
// full; blocks whose later tokens attend nothing of the first or last piece.
TEST_P(Attention, WindowOfThePositionsBefore) {
  for (int64_t window : {1, 5, 64, 255, 256, 257, 600})
    for (int64_t position : {0, 3, 63, 254, 255, 256, 700})
      for (int64_t tokens : {1, 2, 13, 64, 150})
        check({16, 3, position, tokens, 1, window}, 5e-6);
}

TEST_P(Attention, WindowOfGemma) {
  for (int64_t position : {0, 511, 512, 900})
    for (int64_t tokens : {1, 80})
      check({256, 4, position, tokens, 1, 512}, 5e-6);
}

TEST_P(Attention, ACallWithAWindowEqualsTheCallsForItsBlocksBitForBit) {
  const Operands operands({32, 3, 200, 129, 1, 100});
  std::vector<float> whole = makeOutput(operands), blocks = whole;
  AttentionFunction function = get(32, 3, 100);
  ASSERT_TRUE(function);
  run(function, operands, 0, 129, whole);
  run(function, operands, 128, 129, blocks);
  run(function, operands, 64, 128, blocks);
  run(function, operands, 0, 64, blocks);
  EXPECT_EQ(std::memcmp(whole.data(), blocks.data(), 4 * whole.size()), 0);
}

TEST_P(Attention, LargeScoresDoNotOverflow) {
  // Scores near 1e4: their rounding, 2^-24 of them, is the exponent's error.
  for (int64_t tokens : {1, 40})
    check({64, 3, 260, tokens, 1e4f}, 2e-2);
  for (int64_t tokens : {1, 40})
    check({64, 3, 260, tokens, 1e2f}, 2e-4);
}

TEST_P(Attention, VerySmallScoresGiveTheMean) {
  for (int64_t tokens : {1, 40})
    check({64, 3, 260, tokens, 1e-30f}, 5e-6);
}

TEST_P(Attention, ACallEqualsTheCallsForItsBlocksBitForBit) {
  const Operands operands({32, 3, 200, 129});
  std::vector<float> whole = makeOutput(operands), blocks = whole;
  AttentionFunction function = get(32, 3);
  ASSERT_TRUE(function);
  run(function, operands, 0, 129, whole);
  run(function, operands, 128, 129, blocks);
  run(function, operands, 64, 128, blocks);
  run(function, operands, 0, 64, blocks);
  EXPECT_EQ(std::memcmp(whole.data(), blocks.data(), 4 * whole.size()), 0);
}

TEST_P(Attention, DecodeAgreesWithPrefill) {
  const Operands operands({64, 3, 240, 40});
  std::vector<float> prefill = makeOutput(operands), decode = prefill;
  AttentionFunction function = get(64, 3);
  ASSERT_TRUE(function);
  run(function, operands, 0, 40, prefill);
  for (int64_t t = 0; t < 40; ++t)
    run(function, operands, t, t + 1, decode);
  double difference = 0, largest = 0;
  for (size_t i = 0; i < prefill.size(); ++i)
    if (prefill[i] != kGuard) {
      difference =
          std::max(difference, double(std::abs(prefill[i] - decode[i])));
      largest = std::max(largest, double(std::abs(prefill[i])));
    }
  EXPECT_LT(difference, 1e-5 * largest);
}

INSTANTIATE_TEST_SUITE_P(Targets, Attention, ::testing::ValuesIn(kTargets),
                         [](const auto &info) { return info.param.name; });

} // namespace
