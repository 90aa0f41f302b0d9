//===- DotKernelTest.cpp - every dot kernel against its definition --------===//
//
// The oracle reads each code bit by bit from the definition in Layout.h, sums
// exactly in 64-bit integers, and scales as the number format says.
//
//===----------------------------------------------------------------------===//

#include "CompiledModule.h"

#include "mlir/IR/Builders.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Conversion/Schedule.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Support/Half.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <cstring>
#include <random>

using namespace picollm;

namespace {

/// How codes and activations are filled.
enum class Fill { Random, AllMaximal, AllMinimal, Opposed, Mixed };

/// Bit `bit` of code (row, column) within a step; byte and bit of its place.
std::pair<int64_t, int64_t> place(int64_t bits, int64_t row, int64_t column,
                                  int64_t bit) {
  if (bits <= 4)
    return {32 * bit + row, column};
  int64_t c = column / 4, g = row / 8;
  int64_t byte = 4 * (row % 8) + column % 4;
  if (bits == 8)
    return {32 * (4 * c + g) + byte, bit};
  if (bit < 4)
    return {32 * (2 * c + g % 2) + byte, bit + 4 * (g / 2)};
  if (bits >= 6 && bit < 6)
    return {32 * (4 + c) + byte, 2 * g + bit - 4};
  return {32 * (bits >= 6 ? 6 : 4) + byte, 4 * c + g};
}

/// One segment of one tile and its activations for some tokens.
struct Problem {
  Problem(int64_t bits, int64_t group, int64_t tokens, Rows rows,
          int64_t columns, Fill fill, uint32_t seed = 0)
      : bits(bits), columns(columns), tokens(tokens),
        hasTables(bits <= 4 && rows == Rows::Few),
        segment{bits, columns, group}, layout{columns, {{32, {segment}}}},
        offsets(encodedSegmentOffsets(layout, 0, 0)),
        stride(encodedActivationBytes(layout)),
        weights(segmentTileBytes(segment)), encoded(stride * tokens) {
    std::mt19937 random(seed ? seed : bits * 1000 + columns);
    for (int64_t group = 0; group < segmentGroups(segment); ++group)
      for (int64_t row = 0; row < 32; ++row)
        setGroup(row, group, random, fill);
    for (int64_t column = 0; column < columns; ++column)
      for (int64_t row = 0; row < 32; ++row)
        setCode(row, column, random, fill);
    for (int64_t t = 0; t < tokens; ++t)
      fillToken(t, random, fill);
  }

  void setCode(int64_t row, int64_t column, std::mt19937 &random, Fill fill) {
    if (bits == 16) {
      float value = std::uniform_real_distribution<float>(-2, 2)(random);
      uint16_t half = floatToHalf(column % 7 ? value : value * 1e-6f);
      std::memcpy(&weights[(column * 32 + row) * 2], &half, 2);
      return;
    }
    if (fill == Fill::Mixed && random() % 2)
      fill = random() % 2 ? Fill::AllMaximal : Fill::AllMinimal;
    int64_t code = fill == Fill::AllMaximal   ? highestCode()
                   : fill == Fill::AllMinimal ? lowestCode()
                   : fill == Fill::Opposed
                       ? (row + column) % 2 ? highestCode() : lowestCode()
                       : random() % (1 << bits);
    for (int64_t bit = 0; bit < bits; ++bit) {
      auto [byte, position] = place(bits, row, column % 8, bit);
      weights[column / 8 * 32 * bits + byte] |= (code >> bit & 1) << position;
    }
  }

  /// Byte of a group's zero of a row within the segment, and its first bit.
  std::pair<int64_t, int64_t> zeroPlace(int64_t row, int64_t group) {
    int64_t begin = columns * 4 * bits + 64 * segmentGroups(segment);
    if (bits > 4)
      return {begin + 32 * group + row, 0};
    return {begin + 16 * group + row % 16, row < 16 ? 0 : 4};
  }

  void setGroup(int64_t row, int64_t group, std::mt19937 &random, Fill fill) {
    float scale = std::uniform_real_distribution<float>(0.001f, 3)(random);
    uint16_t half = floatToHalf(scale);
    std::memcpy(&weights[columns * 4 * bits + 64 * group + 2 * row], &half, 2);
    // Far from the codes where these are extreme.
    int64_t zero = fill == Fill::AllMaximal   ? 0
                   : fill == Fill::AllMinimal ? (1 << bits) - 1
                                              : random() % (1 << bits);
    auto [byte, position] = zeroPlace(row, group);
    weights[byte] |= zero << position;
  }

  /// d and z of a row's group.
  std::pair<float, int64_t> groupOf(int64_t row, int64_t group) {
    uint16_t half;
    std::memcpy(&half, &weights[columns * 4 * bits + 64 * group + 2 * row], 2);
    auto [byte, position] = zeroPlace(row, group);
    return {halfToFloat(half),
            weights[byte] >> position & (bits > 4 ? 255 : 15)};
  }

  void fillToken(int64_t t, std::mt19937 &random, Fill fill) {
    uint8_t *token = encoded.data() + t * stride;
    // What the encodings reach.
    const int largest = 127;
    auto signedByte = [&]() -> int8_t {
      if (fill == Fill::Random || (fill == Fill::Mixed && random() % 2))
        return int(random() % (2 * largest + 1)) - largest;
      return fill >= Fill::Opposed && random() % 2 ? -largest : largest;
    };
    if (bits == 16) {
      for (int64_t j = 0; j < columns; ++j) {
        float x = std::normal_distribution<float>()(random);
        std::memcpy(token + offsets.values + 4 * j, &x, 4);
      }
      return;
    }
    // The two halves of a table are opposite, as those of the encoder are.
    for (int64_t j = 0; hasTables && j < columns / 4; ++j)
      for (int64_t i = 0; i < 8; ++i) {
        int8_t entry = signedByte();
        token[offsets.values + 16 * j + 15 - i] = entry;
        token[offsets.values + 16 * j + i] = -entry;
      }
    for (int64_t j = 0; !hasTables && j < columns; ++j)
      token[offsets.values + j] = signedByte();
    for (int64_t block = 0; block * 128 < columns; ++block) {
      float scale = std::uniform_real_distribution<float>(0.001f, 1)(random);
      std::memcpy(token + offsets.scales + 4 * block, &scale, 4);
      int32_t sum = wholeSum(t, block);
      if (!hasTables || segment.group)
        std::memcpy(token + offsets.sums + 4 * block, &sum, 4);
    }
  }

  /// Sum of x over a block: of the codes, or of the entries all of whose signs
  /// are +.
  int64_t wholeSum(int64_t t, int64_t block) {
    const uint8_t *values = encoded.data() + t * stride + offsets.values;
    int64_t sum = 0;
    for (int64_t j = block * 128; j < std::min(columns, block * 128 + 128); ++j)
      sum += !hasTables   ? int8_t(values[j])
             : j % 4 == 3 ? int8_t(values[j / 4 * 16 + 15])
                          : 0;
    return sum;
  }

  int64_t code(int64_t row, int64_t column) {
    int64_t value = 0;
    for (int64_t bit = 0; bit < bits; ++bit) {
      auto [byte, position] = place(bits, row, column % 8, bit);
      value |= int64_t(weights[column / 8 * 32 * bits + byte] >> position & 1)
               << bit;
    }
    return value;
  }

  /// As docs/numeric-format.md has them: with 5 and 6 bits and no groups, the
  /// highest bit is the sign.
  bool hasSign() const { return (bits == 5 || bits == 6) && !segment.group; }
  int64_t highestCode() const { return (1 << (bits - hasSign())) - 1; }
  int64_t lowestCode() const { return hasSign() ? (1 << bits) - 1 : 0; }

  int64_t level(int64_t code) const {
    constexpr int64_t ofFiveBits[16] = {1,  3,  5,  7,  9,  11, 13, 15,
                                        18, 21, 24, 27, 31, 35, 41, 50};
    constexpr int64_t lastOfSixBits[16] = {34, 37, 40, 43, 46, 49, 52, 56,
                                           60, 64, 69, 74, 80, 87, 96, 111};
    if (bits == 5 && hasSign())
      return (code & 16 ? -1 : 1) * ofFiveBits[code & 15];
    if (bits == 6 && hasSign())
      return (code & 32 ? -1 : 1) *
             (code & 16 ? lastOfSixBits[code & 15] : 2 * (code & 15) + 1);
    return 2 * code - ((1 << bits) - 1);
  }
  /// What a bit counts in the row that is `below` rows further down.
  int64_t planeWeight(int64_t plane, int64_t below) const {
    constexpr int64_t ofTwoBits[2][3] = {{9, 1, 5}, {6, -4, -6}};
    constexpr int64_t ofThreeBits[3][3] = {{17, 9}, {13, -10}, {8, -5}};
    constexpr int64_t ofFourBits[4][3] = {{6, -5}, {10, 3}, {12, 6}, {14, -7}};
    if (segment.group || bits == 1)
      return below == 0 ? 1 << plane : 0;
    return bits == 2   ? ofTwoBits[plane][below]
           : bits == 3 ? ofThreeBits[plane][below]
                       : ofFourBits[plane][below];
  }

  int64_t levelInTile(int64_t row, int64_t column) {
    if (bits > 4)
      return level(code(row, column));
    int64_t sum = 0;
    for (int64_t p = 0; p < bits; ++p)
      for (int64_t above = 0; above <= std::min<int64_t>(row, 2); ++above)
        sum += (code(row - above, column) >> p & 1 ? 1 : -1) *
               planeWeight(p, above);
    return sum;
  }

  int64_t blockSum(int64_t t, int64_t row, int64_t begin, int64_t end) {
    const uint8_t *token = encoded.data() + t * stride + offsets.values;
    int64_t sum = 0;
    for (int64_t j = begin; !hasTables && j < end; ++j)
      sum += levelInTile(row, j) * int8_t(token[j]);
    for (int64_t j = begin; hasTables && j < end; j += 4)
      for (int64_t p = 0; p < bits; ++p)
        for (int64_t above = 0; above <= std::min<int64_t>(row, 2); ++above) {
          int64_t entry = 0;
          for (int64_t column = 0; column < 4; ++column)
            entry |= (code(row - above, j + column) >> p & 1) << column;
          sum += int8_t(token[4 * j + entry]) * planeWeight(p, above);
        }
    return sum;
  }

  float expected(int64_t t, int64_t row, float start) {
    float sum = start;
    const uint8_t *token = encoded.data() + t * stride;
    for (int64_t j = 0; bits == 16 && j < columns; ++j) {
      uint16_t half;
      float x;
      std::memcpy(&half, &weights[(j * 32 + row) * 2], 2);
      std::memcpy(&x, token + offsets.values + 4 * j, 4);
      sum += halfToFloat(half) * x;
    }
    for (int64_t begin = 0; bits < 16 && begin < columns; begin += 128) {
      float scale;
      std::memcpy(&scale, token + offsets.scales + begin / 32, 4);
      int64_t block = blockSum(t, row, begin, std::min(columns, begin + 128));
      if (segment.group) {
        auto [d, z] = groupOf(row, begin / 128);
        block += ((1 << bits) - 1 - 2 * z) * wholeSum(t, begin / 128);
        scale *= d;
      }
      sum += float(block) * scale;
    }
    return sum;
  }

  int64_t bits, columns, tokens;
  bool hasTables; ///< instead of codes
  Segment segment;
  MatrixLayout layout;
  EncodedSegmentOffsets offsets;
  int64_t stride;
  AlignedBuffer<uint8_t> weights, encoded;
};

class DotKernels : public testing::TestWithParam<InstructionSet> {
protected:
  static void TearDownTestSuite() { compiled.reset(); }
  void SetUp() override {
    std::string reason = reasonNotToRun(GetParam());
    if (!reason.empty())
      GTEST_SKIP() << reason;
    if (compiled && compiled->getInstructionSet() == GetParam())
      return;
    compile({});
  }

  /// Every kernel, laid out as `schedule` or, without one, the default says.
  void compile(std::optional<Schedule> schedule) {
    compiled = std::make_unique<CompiledModule>(GetParam());
    if (schedule) {
      mlir::Builder b(compiled->getModule().getContext());
      auto number = [&](llvm::StringRef name, int64_t value) {
        return b.getNamedAttr(name, b.getI64IntegerAttr(value));
      };
      auto own = b.getDictionaryAttr(
          {number("plane_steps", schedule->planeSteps),
           number("product_tokens", schedule->productTokens),
           number("prefetch_bytes", schedule->prefetchBytes)});
      compiled->getModule()->setAttr(
          "picollm.schedules",
          b.getDictionaryAttr(b.getNamedAttr(nameOf(GetParam()), own)));
    }
    addAllKernels(compiled->getModule(), GetParam());
    compiled->load();
  }

  void check(const DotKernel &kernel, int64_t columns, Fill fill) {
    Problem problem(kernel.bits, kernel.group, kernel.tokens, Rows::Few,
                    columns, fill);
    checkSums(problem, kernel.name(), /*takesTokens=*/false, fill);
  }

  void check(const ProductKernel &kernel, int64_t tokens, int64_t columns,
             Fill fill) {
    Problem problem(kernel.bits, kernel.group, tokens, Rows::Many, columns,
                    fill);
    checkSums(problem, kernel.name(), /*takesTokens=*/true, fill);
  }

  void checkSums(Problem &problem, const std::string &name, bool takesTokens,
                 Fill fill) {
    AlignedBuffer<float> sums(32 * problem.tokens, 0.375f);
    const EncodedSegmentOffsets &o = problem.offsets;
    std::vector<Argument> arguments = {problem.weights,
                                       {problem.encoded, o.values},
                                       {problem.encoded, o.scales},
                                       {problem.encoded, o.sums},
                                       problem.columns,
                                       problem.stride};
    if (takesTokens)
      arguments.emplace_back(problem.tokens);
    arguments.emplace_back(sums);
    compiled->call(name, arguments);
    for (int64_t t = 0; t < problem.tokens; ++t)
      for (int64_t row = 0; row < 32; ++row)
        ASSERT_EQ(sums[32 * t + row], problem.expected(t, row, 0.375f))
            << name << " columns " << problem.columns << " token " << t
            << " row " << row << " fill " << int(fill);
  }

  static std::unique_ptr<CompiledModule> compiled;
};

std::unique_ptr<CompiledModule> DotKernels::compiled;

TEST_P(DotKernels, RandomCodesAndEveryLengthOfTheLastBlock) {
  for (const DotKernel &kernel : dotKernels(GetParam()))
    for (int64_t columns : {8,  16, 24,  32,  40,  48,  56,  64,  72,  80,
                            88, 96, 104, 112, 120, 128, 136, 256, 384, 1000})
      check(kernel, columns, Fill::Random);
}

TEST_P(DotKernels, ExtremeCodesDoNotOverflow) {
  for (const DotKernel &kernel : dotKernels(GetParam()))
    for (Fill fill : {Fill::AllMaximal, Fill::AllMinimal, Fill::Opposed})
      for (int64_t columns : {8, 120, 128, 264})
        check(kernel, columns, fill);
}

TEST_P(DotKernels, ProductsOfEveryNumberOfTokens) {
  for (const ProductKernel &kernel : productKernels(GetParam()))
    for (int64_t tokens : {1, 2, 3, 7, 8, 9, 16, 21})
      check(kernel, tokens, 136, Fill::Random);
}

TEST_P(DotKernels, ProductsOfEveryLengthOfTheLastBlock) {
  for (const ProductKernel &kernel : productKernels(GetParam()))
    for (int64_t columns : {8, 16, 40, 64, 120, 128, 256, 264, 1000})
      check(kernel, 10, columns, Fill::Random);
}

TEST_P(DotKernels, ProductsOfExtremeCodesDoNotOverflow) {
  for (const ProductKernel &kernel : productKernels(GetParam()))
    for (Fill fill : {Fill::AllMaximal, Fill::AllMinimal, Fill::Opposed})
      for (int64_t columns : {8, 128, 264})
        check(kernel, 9, columns, fill);
}

TEST_P(DotKernels, SumsDoNotDependOnTheSchedule) {
  compile(Schedule{3, 5, 0});
  for (const DotKernel &kernel : dotKernels(GetParam()))
    for (int64_t columns : {8, 136, 264})
      check(kernel, columns, Fill::Mixed);
  for (const ProductKernel &kernel : productKernels(GetParam()))
    for (int64_t tokens : {4, 13})
      check(kernel, tokens, 136, Fill::Mixed);
  compiled.reset();
}

TEST_P(DotKernels, RandomProblems) {
  const uint32_t rounds = numberFrom("PICOLLM_KERNEL_ROUNDS", 100);
  const uint32_t seed = numberFrom("PICOLLM_KERNEL_SEED", 1);
  const auto dots = dotKernels(GetParam());
  const auto products = productKernels(GetParam());
  for (uint32_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE("PICOLLM_KERNEL_SEED=" + std::to_string(seed + round) +
                 " PICOLLM_KERNEL_ROUNDS=1 makes this problem alone");
    std::mt19937 random(seed + round);
    const int64_t columns = 8 * (1 + random() % (random() % 4 ? 40 : 512));
    const Fill fill = Fill(random() % 5);
    const uint32_t numbers = random() | 1;
    if (random() % 2) {
      const DotKernel &kernel = dots[random() % dots.size()];
      Problem problem(kernel.bits, kernel.group, kernel.tokens, Rows::Few,
                      columns, fill, numbers);
      checkSums(problem, kernel.name(), /*takesTokens=*/false, fill);
    } else {
      const ProductKernel &kernel = products[random() % products.size()];
      Problem problem(kernel.bits, kernel.group, 1 + random() % 70, Rows::Many,
                      columns, fill, numbers);
      checkSums(problem, kernel.name(), /*takesTokens=*/true, fill);
    }
    if (HasFatalFailure())
      return;
  }
}

INSTANTIATE_TEST_SUITE_P(, DotKernels, testing::ValuesIn(allInstructionSets()),
                         [](const auto &info) {
                           return nameOf(info.param).str();
                         });

} // namespace
