//===- StepPartsTest.cpp - functions of a step against the interpreter ----===//

#include "../Packing/RandomMatrix.h"
#include "CompiledModule.h"

#include "picollm/Conversion/StepParts.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Packing/PackMatrix.h"
#include "picollm/Reference/Layout.h"
#include "picollm/Support/Half.h"
#include "picollm/abi.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

using namespace picollm;

namespace {

/// Panels of different widths, rows that are no multiple of 32, segments that
/// end within a block, columns that are never read.
MatrixLayout mixedLayout() {
  return {264,
          {{70, {{8, 8}, {7, 24}, {6, 40}, {5, 136}, {4, 56}}},
           {32, {{16, 40}, {3, 136}, {2, 48}, {1, 24}, {0, 16}}},
           {33, {{0, 264}}}}};
}

/// The same shape with groups of every width.
MatrixLayout groupedLayout() {
  return {264,
          {{70, {{1, 136, 128}, {2, 128, 128}}},
           {32, {{3, 16, 128}, {4, 16}, {5, 24, 128}, {6, 208, 128}}},
           {33, {{8, 256, 128}, {7, 8, 128}}}}};
}

/// Two panels of equal rows, as gate and up.
MatrixLayout gateLayout(int64_t rows) {
  return {128, {{rows, {{4, 128}}}, {rows, {{3, 64}, {5, 64}}}}};
}

MatrixLayout singleLayout() { return {96, {{45, {{4, 32}, {2, 64}}}}}; }

const std::vector<double> frequencies = {1.0, 0.5, 0.0123, 1e-4};
constexpr double epsilon = 1e-5;
/// Columns of a norm that vectors do not divide.
constexpr int64_t normColumns = 43;

/// The packed bytes of a matrix.
AlignedBuffer<uint8_t> pack(const QuantizedMatrix &matrix) {
  AlignedBuffer<uint8_t> bytes(matrixBytes(matrix.layout));
  llvm::Error error = packMatrix(matrix, {bytes.data(), bytes.size()});
  EXPECT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
  return bytes;
}

std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

struct Names {
  std::string linear, linearOfSources, add, addPanels, silu, gelu, encode,
      encodeGate, encodeSingle, encodeNorm, embedding, scaledEmbedding, addNorm,
      rotation, groupedEncode, groupedLinear, groupedEmbedding;
};

std::string publish(mlir::func::FuncOp function) {
  function.setPublic();
  return function.getName().str();
}

class StepPartsTest : public testing::TestWithParam<InstructionSet> {
protected:
  static void TearDownTestSuite() { compiled.reset(); }
  void SetUp() override {
    std::string reason = reasonNotToRun(GetParam());
    if (!reason.empty())
      GTEST_SKIP() << reason;
    if (compiled && compiled->getInstructionSet() == GetParam())
      return;
    compiled = std::make_unique<CompiledModule>(GetParam());
    StepParts parts(compiled->getModule(), GetParam());
    Names &n = names;
    const PanelRange panels[] = {{0, 1}, {1, 2}, {2, 3}};
    auto linear = [&](const MatrixLayout &layout,
                      llvm::ArrayRef<PanelRange> sources,
                      LinearEpilogue epilogue) {
      return publish(parts.linear(layout, sources, epilogue));
    };
    n.linear = linear(mixedLayout(), panels, LinearEpilogue::Store);
    n.linearOfSources =
        linear(mixedLayout(), {{0, 2}, {2, 3}}, LinearEpilogue::Store);
    n.add = linear(singleLayout(), {{0, 1}}, LinearEpilogue::Add);
    n.addPanels = linear(mixedLayout(), {{0, 3}}, LinearEpilogue::Add);
    llvm::ArrayRef<PanelRange> two = llvm::ArrayRef(panels).take_front(2);
    n.silu = linear(gateLayout(64), two, LinearEpilogue::SiLU);
    n.gelu = linear(gateLayout(50), two, LinearEpilogue::GeLUTanh);
    n.encode = publish(parts.encode(mixedLayout(), std::nullopt));
    n.encodeGate = publish(parts.encode(gateLayout(64), std::nullopt));
    n.encodeSingle = publish(parts.encode(singleLayout(), std::nullopt));
    n.encodeNorm = publish(parts.encode(mixedLayout(), epsilon));
    n.embedding = publish(parts.embedding(mixedLayout()));
    n.scaledEmbedding = publish(parts.embedding(mixedLayout(), 4.0));
    n.addNorm = publish(parts.addNorm(normColumns, epsilon));
    n.rotation = publish(parts.rotation(frequencies, 1.25));
    n.groupedEncode = publish(parts.encode(groupedLayout(), std::nullopt));
    n.groupedLinear = linear(groupedLayout(), panels, LinearEpilogue::Store);
    n.groupedEmbedding = publish(parts.embedding(groupedLayout()));
    compiled->load();
  }
  Names &name() { return names; }

  /// Encoded tokens, by every thread in turn.
  AlignedBuffer<uint8_t> encode(const std::string &function,
                                const QuantizedMatrix &matrix,
                                const std::vector<float> &x, int64_t tokens,
                                int64_t threads) {
    AlignedBuffer<uint8_t> packed = pack(matrix);
    AlignedBuffer<uint8_t> out(encodedActivationBytes(matrix.layout) * tokens);
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(function,
                     {packed, x, out, tokens, tokens, thread, threads});
    return out;
  }

  Rows rowsOf(int64_t tokens) { return toRows(tokens, manyRowsOf(GetParam())); }
  void checkEncoding(const MatrixLayout &layout, const std::string &encode);
  void checkProduct(const QuantizedMatrix &matrix, const std::string &encode,
                    const std::string &linear,
                    llvm::ArrayRef<int64_t> tokenCounts,
                    llvm::function_ref<std::vector<float>(size_t)> makeFloats);
  void checkProduct(const MatrixLayout &layout, const std::string &encode,
                    const std::string &linear);
  void checkGate(const QuantizedMatrix &matrix, AlignedBuffer<uint8_t> &encoded,
                 const std::string &function, const std::vector<float> &x,
                 int64_t tokens, double relative, double (*gate)(double));
  void checkEmbedding(const QuantizedMatrix &matrix,
                      const std::string &embedding);

  static std::unique_ptr<CompiledModule> compiled;
  static Names names;
};

std::unique_ptr<CompiledModule> StepPartsTest::compiled;
Names StepPartsTest::names;

/// y of panel `panel` for one of `rows` tokens, by the interpreter.
std::vector<float> expectedPanel(const QuantizedMatrix &matrix, size_t panel,
                                 const float *x, Rows rows) {
  std::vector<float> y(matrix.layout.panels[panel].rows);
  reference::linear(matrix, panel, x, rows, y.data());
  return y;
}

void expectEncoding(const QuantizedMatrix &matrix, const uint8_t *token,
                    const float *x, Rows rows) {
  const MatrixLayout &layout = matrix.layout;
  for (size_t p = 0; p < layout.panels.size(); ++p) {
    auto expected = reference::encodeActivation(matrix, p, x, rows);
    for (size_t s = 0; s < expected.size(); ++s) {
      EncodedSegmentOffsets at = encodedSegmentOffsets(layout, p, s);
      const uint8_t *values = token + at.values;
      for (size_t j = 0; j < expected[s].values.size(); ++j)
        ASSERT_EQ(std::memcmp(values + 4 * j, &expected[s].values[j], 4), 0);
      for (const auto &block : expected[s].blocks) {
        int64_t number = (block.begin - expected[s].begin) / blockColumns;
        ASSERT_EQ(std::memcmp(token + at.scales + 4 * number, &block.scale, 4),
                  0);
        if (!block.codes.empty()) {
          ASSERT_EQ(std::memcmp(token + at.sums + 4 * number, &block.sum, 4),
                    0);
          ASSERT_EQ(std::memcmp(values + blockColumns * number,
                                block.codes.data(), block.codes.size()),
                    0);
        }
        if (block.group >= 0)
          ASSERT_EQ(std::memcmp(token + at.sums + 4 * number, &block.sum, 4),
                    0);
        for (size_t g = 0; g < block.tables.size(); ++g)
          ASSERT_EQ(std::memcmp(values + 4 * blockColumns * number + 16 * g,
                                block.tables[g].data(), 16),
                    0)
              << "panel " << p << " segment " << s << " group " << g;
      }
    }
  }
}

void StepPartsTest::checkEncoding(const MatrixLayout &layout,
                                  const std::string &function) {
  QuantizedMatrix matrix = randomMatrix(layout, 1);
  for (int64_t tokens : {1, 2, 5, 8, 15, 16, 33}) {
    std::vector<float> x = randomFloats(264 * tokens, 2);
    for (int64_t threads : {1, 2, 3}) {
      auto out = encode(function, matrix, x, tokens, threads);
      for (int64_t t = 0; t < tokens; ++t)
        expectEncoding(matrix, out.data() + t * (out.size() / tokens),
                       &x[264 * t], rowsOf(tokens));
    }
  }
}

TEST_P(StepPartsTest, EncodingHasTheBitsOfTheInterpreterForAnyThreads) {
  checkEncoding(mixedLayout(), name().encode);
}

TEST_P(StepPartsTest, EncodingForGroupsHasTheBitsOfTheInterpreter) {
  checkEncoding(groupedLayout(), name().groupedEncode);
}

TEST_P(StepPartsTest, EncodingOfZerosIsZero) {
  QuantizedMatrix matrix = randomMatrix(mixedLayout(), 1);
  auto out = encode(name().encode, matrix, std::vector<float>(264, 0.0f), 1, 1);
  for (uint8_t byte : out)
    // -0.0 of a width-16 value under a negative scale is zero as well.
    ASSERT_EQ(byte & 0x7f, 0);
}

TEST_P(StepPartsTest, NormIsAppliedBeforeEncoding) {
  QuantizedMatrix matrix = randomMatrix(mixedLayout(), 3);
  AlignedBuffer<uint8_t> packed = pack(matrix);
  std::vector<float> x = randomFloats(2 * 264, 4), norm = randomFloats(264, 5);
  int64_t bytes = encodedActivationBytes(matrix.layout);
  for (int64_t threads : {1, 2, 3}) {
    AlignedBuffer<uint8_t> out(bytes * 2);
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(name().encodeNorm,
                     {packed, x, norm, out, 2, 2, thread, threads});
    for (int64_t t = 0; t < 2; ++t) {
      double squares = 0;
      for (int64_t j = 0; j < 264; ++j)
        squares += double(x[264 * t + j]) * x[264 * t + j];
      float inverse = 1 / std::sqrt(squares / 264 + epsilon);
      std::vector<float> normalised(264);
      for (int64_t j = 0; j < 264; ++j)
        normalised[j] = x[264 * t + j] * inverse * norm[j];
      expectEncoding(matrix, out.data() + t * bytes, normalised.data(),
                     rowsOf(2));
    }
  }
}

void StepPartsTest::checkProduct(
    const QuantizedMatrix &matrix, const std::string &encodeName,
    const std::string &linearName, llvm::ArrayRef<int64_t> tokenCounts,
    llvm::function_ref<std::vector<float>(size_t)> makeFloats) {
  AlignedBuffer<uint8_t> packed = pack(matrix);
  const int64_t columns = matrix.layout.columns;
  const size_t panels = matrix.layout.panels.size();
  for (int64_t tokens : tokenCounts) {
    std::vector<float> x = makeFloats(columns * tokens);
    auto encoded = encode(encodeName, matrix, x, tokens, 1);
    for (int64_t threads : {1, 2, 3}) {
      std::vector<std::vector<float>> y(panels);
      for (size_t p = 0; p < panels; ++p)
        y[p].assign(matrix.layout.panels[p].rows * tokens, NAN);
      for (int64_t thread = 0; thread < threads; ++thread) {
        std::vector<Argument> arguments = {packed, encoded};
        arguments.insert(arguments.end(), y.begin(), y.end());
        for (int64_t number : {tokens, tokens, thread, threads})
          arguments.emplace_back(number);
        compiled->call(linearName, arguments);
      }
      for (size_t p = 0; p < panels; ++p)
        for (int64_t t = 0; t < tokens; ++t) {
          auto expected =
              expectedPanel(matrix, p, &x[columns * t], rowsOf(tokens));
          for (size_t row = 0; row < expected.size(); ++row)
            ASSERT_EQ(y[p][t * expected.size() + row], expected[row])
                << "panel " << p << " token " << t << " of " << tokens
                << " row " << row;
        }
    }
  }
}

void StepPartsTest::checkProduct(const MatrixLayout &layout,
                                 const std::string &encodeName,
                                 const std::string &linearName) {
  checkProduct(randomMatrix(layout, 6), encodeName, linearName,
               {1, 2, 4, 7, 8, 15, 16, 29, 70},
               [](size_t count) { return randomFloats(count, 7); });
}

TEST_P(StepPartsTest, ProductHasTheBitsOfTheInterpreterForAnyThreads) {
  checkProduct(mixedLayout(), name().encode, name().linear);
}

TEST_P(StepPartsTest, ProductWithGroupsHasTheBitsOfTheInterpreter) {
  checkProduct(groupedLayout(), name().groupedEncode, name().groupedLinear);
}

/// y of all panels, one after the other, for one token.
std::vector<float> expectedPanels(const QuantizedMatrix &matrix, const float *x,
                                  Rows rows) {
  std::vector<float> y;
  for (size_t p = 0; p < matrix.layout.panels.size(); ++p) {
    std::vector<float> panel = expectedPanel(matrix, p, x, rows);
    y.insert(y.end(), panel.begin(), panel.end());
  }
  return y;
}

TEST_P(StepPartsTest, PanelsOfOneSourceShareAnOutput) {
  QuantizedMatrix matrix = randomMatrix(mixedLayout(), 6);
  AlignedBuffer<uint8_t> packed = pack(matrix);
  for (int64_t tokens : {1, 7}) {
    std::vector<float> x = randomFloats(264 * tokens, 7);
    auto encoded = encode(name().encode, matrix, x, tokens, 1);
    for (int64_t threads : {1, 2, 3}) {
      std::vector<float> first(102 * tokens, NAN), second(33 * tokens, NAN);
      std::vector<float> sum = randomFloats(135 * tokens, 8), before = sum;
      for (int64_t thread = 0; thread < threads; ++thread) {
        compiled->call(
            name().linearOfSources,
            {packed, encoded, first, second, tokens, tokens, thread, threads});
        compiled->call(name().addPanels,
                       {packed, encoded, sum, tokens, tokens, thread, threads});
      }
      for (int64_t t = 0; t < tokens; ++t) {
        auto expected = expectedPanels(matrix, &x[264 * t], rowsOf(tokens));
        for (int64_t row = 0; row < 135; ++row) {
          ASSERT_EQ(row < 102 ? first[102 * t + row]
                              : second[33 * t + row - 102],
                    expected[row])
              << "token " << t << " row " << row;
          ASSERT_EQ(sum[135 * t + row], before[135 * t + row] + expected[row])
              << "token " << t << " row " << row;
        }
      }
    }
  }
}

TEST_P(StepPartsTest, AddingProductKeepsTheResidual) {
  QuantizedMatrix matrix = randomMatrix(singleLayout(), 8);
  AlignedBuffer<uint8_t> packed = pack(matrix);
  const int64_t tokens = 5, rows = 45;
  std::vector<float> x = randomFloats(96 * tokens, 9),
                     residual = randomFloats(rows * tokens, 10);
  auto encoded = encode(name().encodeSingle, matrix, x, tokens, 1);
  for (int64_t threads : {1, 2, 3}) {
    std::vector<float> y = residual;
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(name().add,
                     {packed, encoded, y, tokens, tokens, thread, threads});
    for (int64_t t = 0; t < tokens; ++t) {
      auto expected = expectedPanel(matrix, 0, &x[96 * t], rowsOf(tokens));
      for (int64_t row = 0; row < rows; ++row)
        ASSERT_EQ(y[t * rows + row], residual[t * rows + row] + expected[row]);
    }
  }
}

void StepPartsTest::checkGate(const QuantizedMatrix &matrix,
                              AlignedBuffer<uint8_t> &encoded,
                              const std::string &function,
                              const std::vector<float> &x, int64_t tokens,
                              double relative, double (*gate)(double)) {
  AlignedBuffer<uint8_t> packed = pack(matrix);
  int64_t rows = matrix.layout.panels[0].rows;
  for (int64_t threads : {1, 2, 3}) {
    std::vector<float> y(rows * tokens, NAN);
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(function,
                     {packed, encoded, y, tokens, tokens, thread, threads});
    for (int64_t t = 0; t < tokens; ++t) {
      auto g = expectedPanel(matrix, 0, &x[128 * t], rowsOf(tokens));
      auto u = expectedPanel(matrix, 1, &x[128 * t], rowsOf(tokens));
      for (int64_t row = 0; row < rows; ++row) {
        double expected = gate(g[row]) * u[row];
        ASSERT_NEAR(y[t * rows + row], expected,
                    relative * std::fabs(expected) + 1e-30)
            << g[row];
      }
    }
  }
}

TEST_P(StepPartsTest, GatesAreAccurate) {
  const int64_t tokens = 6;
  std::vector<float> x = randomFloats(128 * tokens, 11);
  // From tiny to saturating gates.
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t j = 0; j < 128; ++j)
      x[128 * t + j] *= std::pow(10.0f, t - 4);
  QuantizedMatrix full = randomMatrix(gateLayout(64), 12);
  auto encoded = encode(name().encodeGate, full, x, tokens, 1);
  checkGate(full, encoded, name().silu, x, tokens, 1e-6,
            [](double g) { return g / (1 + std::exp(-g)); });
  QuantizedMatrix partial = randomMatrix(gateLayout(50), 13);
  auto other = encode(name().encodeGate, partial, x, tokens, 1);
  // The exponent, up to 88, is itself rounded to f32.
  checkGate(partial, other, name().gelu, x, tokens, 2e-5, [](double g) {
    double u = std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
    return g / (1 + std::exp(-2 * u));
  });
}

void StepPartsTest::checkEmbedding(const QuantizedMatrix &matrix,
                                   const std::string &embedding) {
  AlignedBuffer<uint8_t> packed = pack(matrix);
  const int64_t columns = matrix.layout.columns;
  // All rows, the last one first.
  std::vector<float> expected;
  for (size_t p = matrix.layout.panels.size(); p-- > 0;)
    for (int64_t row = matrix.layout.panels[p].rows; row-- > 0;) {
      expected.resize(expected.size() + columns);
      dequantizeRow(matrix, p, row, &*expected.end() - columns);
    }
  std::vector<int32_t> ids(expected.size() / columns);
  std::iota(ids.rbegin(), ids.rend(), 0);
  for (int64_t threads : {1, 2, 3}) {
    std::vector<float> out(expected.size(), NAN);
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(embedding,
                     {packed, ids, out, int64_t(ids.size()), thread, threads});
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], expected[i])
          << "row " << ids[i / columns] << " column " << i % columns;
  }
}

TEST_P(StepPartsTest, EmbeddingDecodesRowsOfAllPanels) {
  checkEmbedding(randomMatrix(mixedLayout(), 14), name().embedding);
}

TEST_P(StepPartsTest, EmbeddingDecodesGroups) {
  checkEmbedding(randomMatrix(groupedLayout(), 14), name().groupedEmbedding);
}

TEST_P(StepPartsTest, EmbeddingIsScaled) {
  QuantizedMatrix matrix = randomMatrix(mixedLayout(), 14);
  AlignedBuffer<uint8_t> packed = pack(matrix);
  std::vector<int32_t> ids = {0, 75, 134, 1};
  std::vector<float> plain(ids.size() * 264), scaled(ids.size() * 264, NAN);
  int64_t tokens = ids.size(), thread = 0, threads = 1;
  compiled->call(name().embedding,
                 {packed, ids, plain, tokens, thread, threads});
  compiled->call(name().scaledEmbedding,
                 {packed, ids, scaled, tokens, thread, threads});
  // By a power of two, so that no product is rounded.
  for (size_t i = 0; i < plain.size(); ++i)
    ASSERT_EQ(scaled[i], 4 * plain[i]) << i;
}

TEST_P(StepPartsTest, NormIsAdded) {
  const int64_t tokens = 5;
  std::vector<float> x = randomFloats(tokens * normColumns, 3);
  std::vector<float> weight = randomFloats(normColumns, 4);
  const std::vector<float> before = randomFloats(tokens * normColumns, 5);
  for (int64_t threads : {1, 2, 8}) {
    std::vector<float> out = before;
    for (int64_t thread = 0; thread < threads; ++thread)
      compiled->call(name().addNorm, {x, weight, out, tokens, thread, threads});
    for (int64_t t = 0; t < tokens; ++t) {
      double squares = 0;
      for (int64_t j = 0; j < normColumns; ++j)
        squares += std::pow(double(x[t * normColumns + j]), 2);
      for (int64_t j = 0; j < normColumns; ++j) {
        int64_t i = t * normColumns + j;
        ASSERT_NEAR(out[i],
                    before[i] + x[i] * weight[j] /
                                    std::sqrt(squares / normColumns + epsilon),
                    1e-6 * std::max(1.0f, std::fabs(out[i])))
            << "token " << t << " column " << j;
      }
    }
  }
}

TEST_P(StepPartsTest, RotationIsAccurateUpToAMillionRadians) {
  const int64_t half = frequencies.size(), tokens = 6;
  for (int64_t position : {0, 1, 2047, 131071, 999994})
    for (int64_t threads : {1, 2, 4}) {
      const std::vector<picollm_step_sequence> sequences = {
          {nullptr, 1 << 20, position, 0, 3},
          {nullptr, 16, 5, 3, 1},
          {nullptr, 1 << 20, position + 1, 4, 2}};
      std::vector<float> out(2 * half * tokens, NAN);
      for (int64_t thread = 0; thread < threads; ++thread)
        compiled->call(name().rotation,
                       {out, sequences, int64_t(sequences.size()), tokens,
                        thread, threads});
      const int64_t positions[] = {position, position + 1, position + 2,
                                   5,        position + 1, position + 2};
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t i = 0; i < half; ++i) {
          double angle = double(positions[t]) * frequencies[i];
          EXPECT_NEAR(out[2 * half * t + i], 1.25 * std::cos(angle), 1e-7);
          EXPECT_NEAR(out[2 * half * t + half + i], 1.25 * std::sin(angle),
                      1e-7);
        }
    }
}

TEST(StepPartsOnce, EqualLayoutsShareOneFunction) {
  mlir::MLIRContext context;
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  StepParts parts(module, InstructionSet::Portable);
  auto single = [&](LinearEpilogue epilogue) {
    return parts.linear(singleLayout(), {{0, 1}}, epilogue);
  };
  auto first = single(LinearEpilogue::Add);
  EXPECT_EQ(first, single(LinearEpilogue::Add));
  EXPECT_NE(first, single(LinearEpilogue::Store));
  EXPECT_NE(first, parts.linear(gateLayout(64), {{0, 1}, {1, 2}},
                                LinearEpilogue::SiLU));
  EXPECT_NE(
      parts.linear(gateLayout(64), {{0, 1}, {1, 2}}, LinearEpilogue::Store),
      parts.linear(gateLayout(64), {{0, 2}}, LinearEpilogue::Store));
  module->erase();
}

/// Of any size, by stretches: also zeros and numbers that are hardly any.
std::vector<float> extremeFloats(size_t count, std::mt19937 &random) {
  std::vector<float> values = randomFloats(count, random());
  for (size_t begin = 0; begin < count;) {
    const size_t end = std::min<size_t>(count, begin + 1 + random() % 300);
    const float factors[] = {1, 1, 1, 0, 1e-12f, 1e-30f, 1e12f, -1};
    const float factor = factors[random() % std::size(factors)];
    for (; begin < end; ++begin)
      values[begin] *= random() % 50 ? factor : 1000 * factor;
  }
  return values;
}

TEST_P(StepPartsTest, RandomLayouts) {
  const uint32_t rounds = numberFrom("PICOLLM_KERNEL_ROUNDS", 800) / 100 + 1;
  const uint32_t seed = numberFrom("PICOLLM_KERNEL_SEED", 1);
  constexpr uint32_t atOnce = 8; // in one library
  for (uint32_t first = 0; first < rounds; first += atOnce) {
    compiled = std::make_unique<CompiledModule>(GetParam());
    StepParts parts(compiled->getModule(), GetParam());
    struct Problem {
      std::mt19937 random;
      MatrixLayout layout;
      std::string encode, linear, embedding;
    };
    std::vector<Problem> problems;
    for (uint32_t i = first; i < std::min(rounds, first + atOnce); ++i) {
      Problem problem;
      problem.random.seed(seed + i);
      problem.layout = randomLayout(problem.random);
      std::vector<PanelRange> sources;
      for (size_t p = 0; p < problem.layout.panels.size(); ++p)
        sources.push_back({p, p + 1});
      problem.encode = publish(parts.encode(problem.layout, std::nullopt));
      problem.linear =
          publish(parts.linear(problem.layout, sources, LinearEpilogue::Store));
      problem.embedding = publish(parts.embedding(problem.layout));
      problems.push_back(std::move(problem));
    }
    compiled->load();
    uint32_t number = seed + first;
    for (Problem &problem : problems) {
      SCOPED_TRACE("PICOLLM_KERNEL_SEED=" + std::to_string(number++) +
                   " PICOLLM_KERNEL_ROUNDS=1 makes this layout alone");
      QuantizedMatrix matrix = randomMatrix(problem.layout, problem.random());
      const int64_t tokens = 1 + problem.random() % 70;
      checkProduct(
          matrix, problem.encode, problem.linear, {1, tokens},
          [&](size_t count) { return extremeFloats(count, problem.random); });
      checkEmbedding(matrix, problem.embedding);
    }
    if (HasFatalFailure())
      break;
  }
  compiled.reset();
}

INSTANTIATE_TEST_SUITE_P(, StepPartsTest,
                         testing::ValuesIn(allInstructionSets()),
                         [](const auto &info) {
                           return nameOf(info.param).str();
                         });

} // namespace
