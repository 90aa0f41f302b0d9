//===- AttentionTest.cpp - attention against a double-precision loop ------===//

#include "AttentionLibrary.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <sys/mman.h>
#include <tuple>
#include <unistd.h>

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
  KVCacheType cache = KVCacheType::F16;

  AttentionShape shape() const { return {headSize, group, window, cache}; }
  Case withCodes() const {
    Case codes = *this;
    codes.cache = KVCacheType::I8;
    return codes;
  }
};

/// Operands with room that must not be read (NaN) or written (guards).
struct Operands {
  explicit Operands(const Case &c)
      : c(c), stride(c.group * c.headSize + 12), length(c.position + c.tokens),
        unread(c.window ? llvm::alignDown(
                              std::max<int64_t>(0, c.position + 1 - c.window),
                              kKVBlockPositions)
                        : 0),
        rowBytes(kvRowBytes(c.cache, c.headSize)), q(stride * c.tokens, NAN),
        k(llvm::alignTo(length + 300, kKVBlockPositions) * rowBytes), v(k),
        scale(1.0f / std::sqrt(float(c.headSize))) {
    std::mt19937 random(7 * c.headSize + c.group + 31 * length);
    std::normal_distribution<float> normal(0.0f, c.magnitude);
    for (int64_t t = 0; t < c.tokens; ++t)
      for (int64_t i = 0; i < c.group * c.headSize; ++i)
        q[t * stride + i] = normal(random);
    for (std::vector<uint8_t> *cache : {&k, &v})
      for (int64_t p = 0; p < int64_t(k.size()) / rowBytes; ++p) {
        bool filled = p >= unread && p < length;
        if (c.cache == KVCacheType::F16)
          fillHalves(*cache, p, filled, random);
        else
          fillCodes(*cache, p, filled, random);
      }
  }

  void fillHalves(std::vector<uint8_t> &cache, int64_t p, bool filled,
                  std::mt19937 &random) {
    // Sign, exponents of 2^-24 (subnormals included) up to 2, any mantissa.
    std::uniform_int_distribution<int> half(0, 0x4000);
    for (int64_t d = 0; d < c.headSize; ++d) {
      const auto bits =
          filled ? uint16_t(half(random) | (random() & 1) << 15) : kHalfNaN;
      std::memcpy(&cache[element(cache, p, d)], &bits, 2);
    }
  }

  void fillCodes(std::vector<uint8_t> &cache, int64_t p, bool filled,
                 std::mt19937 &random) {
    std::uniform_int_distribution<int> code(-127, 127);
    for (int64_t d = 0; d < c.headSize; ++d)
      cache[element(cache, p, d)] = filled ? uint8_t(code(random)) : 0x7f;
    const float scale = filled ? std::ldexp(1 + random() % 1000 * 1e-3f,
                                            -int(random() % 12) - 6)
                               : NAN;
    std::memcpy(&cache[scaleOf(cache, p)], &scale, 4);
  }

  /// Where it lies: keys of a block of positions transposed, values in rows.
  int64_t element(const std::vector<uint8_t> &cache, int64_t p,
                  int64_t d) const {
    const int64_t bytes = c.cache == KVCacheType::F16 ? 2 : 1;
    const int64_t i = p % kKVBlockPositions;
    return &cache == &v
               ? p * rowBytes + d * bytes
               : (p - i) * rowBytes + (d * kKVBlockPositions + i) * bytes;
  }
  int64_t scaleOf(const std::vector<uint8_t> &cache, int64_t p) const {
    const int64_t i = p % kKVBlockPositions;
    return &cache == &v
               ? p * rowBytes + c.headSize
               : (p - i) * rowBytes + c.headSize * kKVBlockPositions + 4 * i;
  }

  /// Number d of the keys or values of a position.
  double number(const std::vector<uint8_t> &cache, int64_t p, int64_t d) const {
    if (c.cache == KVCacheType::F16) {
      uint16_t bits;
      std::memcpy(&bits, &cache[element(cache, p, d)], 2);
      return halfValue(bits);
    }
    float scale;
    std::memcpy(&scale, &cache[scaleOf(cache, p)], 4);
    return double(scale) * int8_t(cache[element(cache, p, d)]);
  }

  const float *query(int64_t t, int64_t head) const {
    return q.data() + t * stride + head * c.headSize;
  }

  Case c;
  int64_t stride, length;
  int64_t unread; ///< positions of blocks before the first token's window
  int64_t rowBytes;
  std::vector<float> q;
  std::vector<uint8_t> k, v;
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
      scores[p] +=
          double(o.query(token, head)[d]) * o.number(o.k, p, d) * o.scale;
    maximum = std::max(maximum, scores[p]);
  }
  for (int64_t p = first; p < count; ++p) {
    const double weight = std::exp(scores[p] - maximum);
    sum += weight;
    for (int64_t d = 0; d < size; ++d)
      result[d] += weight * o.number(o.v, p, d);
  }
  for (double &value : result)
    value /= sum;
  return result;
}

/// Floats at a 64-byte address, NaN at first, with a guard behind them.
class Memory {
public:
  explicit Memory(int64_t floats) : floats(floats), memory(floats + 48, NAN) {
    std::fill_n(data() + floats, 16, kGuard);
  }
  float *data() {
    auto address = reinterpret_cast<uintptr_t>(memory.data());
    return memory.data() + (64 - address % 64) % 64 / 4;
  }
  void checkGuard() {
    for (int i = 0; i < 16; ++i)
      ASSERT_EQ(data()[floats + i], kGuard) << "wrote past the end";
  }

private:
  int64_t floats;
  std::vector<float> memory;
};

/// Calls the function on tokens [begin, end) of the operands, with their keys
/// and values or a copy of these; `out` has the stride of q and guards between
/// tokens and at its end.
void run(AttentionFunction function, const Operands &o, const uint8_t *k,
         const uint8_t *v, int64_t begin, int64_t end,
         std::vector<float> &out) {
  Memory workspace(attentionWorkspaceFloats(o.c.shape()));
  function(o.q.data() + begin * o.stride, o.stride, k, v, o.c.position + begin,
           end - begin, out.data() + begin * o.stride, o.stride, o.scale,
           workspace.data());
  workspace.checkGuard();
}

void run(AttentionFunction function, const Operands &o, int64_t begin,
         int64_t end, std::vector<float> &out) {
  run(function, o, o.k.data(), o.v.data(), begin, end, out);
}

/// The only token's attention in parts that begin at `borders`, from the last
/// part to the first, merged.
void runParts(const AttentionLibrary &library, const Operands &o,
              std::vector<int64_t> borders, std::vector<float> &out) {
  const int64_t floats = attentionStateFloats(o.c.shape());
  const auto parts = int64_t(borders.size());
  borders.push_back(o.length);
  Memory workspace(attentionWorkspaceFloats(o.c.shape()));
  Memory states(floats * parts);
  for (int64_t i = parts; i-- > 0;)
    library.part(o.q.data(), o.k.data(), o.v.data(), borders[i], borders[i + 1],
                 states.data() + i * floats, o.scale, workspace.data());
  library.merge(states.data(), parts, out.data());
  workspace.checkGuard();
  states.checkGuard();
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

  const AttentionLibrary &library(const AttentionShape &shape) {
    std::unique_ptr<AttentionLibrary> &library =
        libraries[{shape.headSize, shape.group, shape.window, shape.cache}];
    if (!library) {
      library = std::make_unique<AttentionLibrary>(shape,
                                                   makeTarget(GetParam().name));
      EXPECT_EQ(library->error, "");
    }
    return *library;
  }
  AttentionFunction get(int64_t headSize, int64_t group, int64_t window = 0) {
    return library({headSize, group, window}).function;
  }

  void check(const Case &c, double tolerance) {
    SCOPED_TRACE(::testing::Message()
                 << "head size " << c.headSize << ", group " << c.group
                 << ", position " << c.position << ", tokens " << c.tokens
                 << ", window " << c.window
                 << (c.cache == KVCacheType::I8 ? ", codes" : ""));
    AttentionFunction function = library(c.shape()).function;
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

  void checkParts(const Case &c, const std::vector<int64_t> &borders) {
    SCOPED_TRACE(::testing::Message()
                 << "head size " << c.headSize << ", group " << c.group
                 << ", position " << c.position << ", " << borders.size()
                 << " parts");
    const AttentionLibrary &functions = library(c.shape());
    ASSERT_TRUE(functions.part && functions.merge);
    const Operands operands(c);
    std::vector<float> out = makeOutput(operands);
    runParts(functions, operands, borders, out);
    EXPECT_LT(relativeError(operands, out), 5e-6);
    for (int64_t i = c.group * c.headSize; i < operands.stride; ++i)
      ASSERT_EQ(out[i], kGuard) << "wrote past the output";
  }

  std::map<std::tuple<int64_t, int64_t, int64_t, KVCacheType>,
           std::unique_ptr<AttentionLibrary>>
      libraries;
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

constexpr std::pair<int64_t, int64_t> kFewShapes[] = {
    {4, 1}, {8, 3}, {20, 1}, {64, 4}, {96, 5}, {128, 1}, {32, 11},
};

TEST_P(Attention, CacheOfCodes) {
  for (auto [headSize, group] : kFewShapes)
    for (int64_t position : {0, 5, 299})
      for (int64_t tokens : {1, 13})
        check(Case{headSize, group, position, tokens}.withCodes(), 5e-6);
  for (int64_t length : {1, 7, 8, 255, 256, 257, 513})
    check(Case{64, 3, length - 1, 1}.withCodes(), 5e-6);
  check(Case{32, 2, 230, 64}.withCodes(), 5e-6);
  for (int64_t tokens : {1, 13, 150})
    check(Case{16, 3, 254, tokens, 1, 64}.withCodes(), 5e-6);
}

TEST_P(Attention, PartsMergeToTheWhole) {
  for (auto [headSize, group] : kFewShapes) {
    const Case whole{headSize, group, 699, 1};
    for (const Case &c : {whole, whole.withCodes()}) {
      checkParts(c, {0});
      checkParts(c, {0, 256, 512});
    }
  }
  const Case one{64, 3, 15, 1};
  std::vector<int64_t> borders(kAttentionMaxParts);
  for (int64_t i = 0; i < kAttentionMaxParts; ++i)
    borders[i] = i;
  for (const Case &c : {one, one.withCodes()})
    checkParts(c, borders);
  // A part whose positions have next to no weight, before and after others.
  checkParts({64, 3, 400, 1, 1e2f}, {0, 3, 200, 399});
}

TEST_P(Attention, OnePartEqualsTheCallBitForBit) {
  const Operands operands({64, 3, 600, 1});
  std::vector<float> whole = makeOutput(operands), part = whole;
  const AttentionLibrary &functions = library(operands.c.shape());
  ASSERT_TRUE(functions.function && functions.part && functions.merge);
  run(functions.function, operands, 0, 1, whole);
  runParts(functions, operands, {0}, part);
  EXPECT_EQ(std::memcmp(whole.data(), part.data(), 4 * whole.size()), 0);
}

/// A copy of bytes with pages around it that cannot be read: directly before
/// it, or directly behind it.
class Fenced {
public:
  Fenced(const uint8_t *bytes, size_t count, bool before)
      : page(size_t(sysconf(_SC_PAGESIZE))),
        inside(llvm::alignTo(count, page)) {
    memory = static_cast<uint8_t *>(mmap(nullptr, inside + 2 * page, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(mprotect(memory + page, inside, PROT_READ | PROT_WRITE), 0);
    data = memory + page + (before ? 0 : inside - count);
    std::memcpy(data, bytes, count);
  }
  ~Fenced() { munmap(memory, inside + 2 * page); }
  Fenced(const Fenced &) = delete;

  uint8_t *data;

private:
  size_t page, inside;
  uint8_t *memory;
};

TEST_P(Attention, OnlyBlocksWithAttendedPositionsAreRead) {
  for (auto [headSize, group] : {std::pair<int64_t, int64_t>(64, 3), {32, 1}})
    for (int64_t length : {1, 9, 16, 17, 40, 257})
      for (int64_t tokens : {1, 5})
        for (bool before : {true, false}) {
          const Case whole{headSize, group, length, tokens};
          for (const Case &c : {whole, whole.withCodes()}) {
            const AttentionFunction function = library(c.shape()).function;
            ASSERT_TRUE(function);
            const Operands o(c);
            const size_t bytes =
                llvm::alignTo(o.length, kKVBlockPositions) * o.rowBytes;
            const Fenced k(o.k.data(), bytes, before);
            const Fenced v(o.v.data(), bytes, before);
            std::vector<float> out = makeOutput(o);
            run(function, o, k.data, v.data, 0, tokens, out);
            EXPECT_LT(relativeError(o, out), 5e-6);
          }
        }
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

TEST(AttentionPartsOf, PositionsCoverAllThatIsAttended) {
  EXPECT_EQ(attentionParts(1).count, 1);
  EXPECT_EQ(attentionParts(kAttentionPartPositions).count, 1);
  EXPECT_EQ(attentionParts(kAttentionPartPositions + 1).count, 2);
  for (int64_t attended = 1; attended < 100000; ++attended) {
    const AttentionParts parts = attentionParts(attended);
    ASSERT_EQ(parts.positions % kAttentionPiecePositions, 0);
    ASSERT_LE(parts.count, kAttentionMaxParts);
    ASSERT_LT((parts.count - 1) * parts.positions, attended);
    ASSERT_GE(parts.count * parts.positions, attended);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Attention, ::testing::ValuesIn(kTargets),
                         [](const auto &info) { return info.param.name; });

} // namespace
