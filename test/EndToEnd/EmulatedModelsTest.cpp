//===- EmulatedModelsTest.cpp - models for aarch64 against golden logits --===//
//
// Models are compiled here and run by qemu-aarch64 on a processor with i8mm
// (all that the emulator has), on one with dot product alone (Neoverse N1) and
// on one without (Cortex-A53).
//
//===----------------------------------------------------------------------===//

#include "../Unit/GoldenModels/GoldenModel.h"
#include "CompiledModel.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

using namespace picollm;

namespace {

struct Processor {
  const char *name, *features;
};
constexpr Processor kProcessors[] = {{"max", "neon,dotprod,i8mm"},
                                     {"neoverse-n1", "neon,dotprod"},
                                     {"cortex-a53", "neon"}};

/// What test/Emulated/model_logits.c prints.
struct Emulated {
  std::string features;
  Logits prefill, decode;
  std::vector<int32_t> greedy;
};

Emulated run(const std::string &folder, const std::string &processor,
             const std::vector<int32_t> &tokens, size_t greedy,
             int64_t vocabulary) {
  const std::string input = testFolder() + "/tokens";
  const std::string output = testFolder() + "/logits-" + processor;
  std::ofstream(input, std::ios::binary)
      .write(reinterpret_cast<const char *>(tokens.data()),
             tokens.size() * sizeof(int32_t));
  const std::string command =
      std::string(PICOLLM_QEMU_AARCH64 " -L " PICOLLM_AARCH64_SYSROOT
                                       " -cpu ") +
      processor + " \"" PICOLLM_AARCH64_PROGRAMS "/model_logits\" \"" + folder +
      "\" " + std::to_string(greedy) + " < \"" + input + "\" > \"" + output +
      "\"";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  const std::string text = readFile(output);
  const size_t line = text.find('\n'), floats = tokens.size() * vocabulary;
  Emulated result;
  EXPECT_EQ(text.size(), line + 1 + 4 * (2 * floats + greedy));
  if (text.size() != line + 1 + 4 * (2 * floats + greedy))
    return result;
  result.features = text.substr(0, line);
  const char *next = text.data() + line + 1;
  for (Logits *logits : {&result.prefill, &result.decode}) {
    logits->vocabulary = vocabulary;
    logits->numbers.resize(floats);
    std::memcpy(logits->numbers.data(), next, 4 * floats);
    next += 4 * floats;
  }
  result.greedy.resize(greedy);
  std::memcpy(result.greedy.data(), next, 4 * greedy);
  return result;
}

std::string compile(const GoldenModel &golden, const std::string &options) {
  const std::string folder = testFolder() + "/model";
  EXPECT_TRUE(runTool("picollm-compile --quiet \"" + golden.path + "\" -o \"" +
                      folder + "\" --name=golden -target=aarch64 " + options));
  return folder;
}

bool haveEqualBits(const Logits &a, const Logits &b) {
  return a.numbers.size() == b.numbers.size() &&
         std::memcmp(a.numbers.data(), b.numbers.data(),
                     a.numbers.size() * sizeof(float)) == 0;
}

bool haveEqualBits(const Emulated &a, const Emulated &b) {
  return haveEqualBits(a.prefill, b.prefill) &&
         haveEqualBits(a.decode, b.decode);
}

class OnAarch64 : public testing::TestWithParam<const char *> {};

// As AtSixteenBits of CompiledGoldenModelsTest.
TEST_P(OnAarch64, GivesTheGoldenLogitsAndTokens) {
  const GoldenModel golden(GetParam());
  const std::string folder = compile(golden, "--scheme=none");
  std::vector<Emulated> results;
  for (const Processor &processor : kProcessors) {
    results.push_back(run(folder, processor.name, golden.prompt,
                          golden.greedy.size(), golden.vocabulary));
    const Emulated &result = results.back();
    EXPECT_EQ(result.features, processor.features) << processor.name;
    EXPECT_EQ(result.greedy, golden.greedy) << processor.name;
    for (const Logits *logits : {&result.prefill, &result.decode}) {
      ASSERT_EQ(logits->rows(), int64_t(golden.prompt.size()));
      for (size_t p = 0; p < golden.positions.size(); ++p)
        EXPECT_LE(golden.relativeError(p, logits->row(golden.positions[p])),
                  5e-3)
            << processor.name << " at position " << golden.positions[p];
    }
    // One attention object, and products whose bits are defined.
    EXPECT_TRUE(haveEqualBits(results[0], result)) << processor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(GoldenModels, OnAarch64,
                         testing::ValuesIn(kGoldenModels),
                         [](const auto &info) {
                           return testNameOf(info.param);
                         });

// Differences of attention tip activations to the next of their codes at some
// position, see AtFiveBits of CompiledGoldenModelsTest, whose bounds these are.
TEST(OnAarch64AtFiveBits, VariantsGiveEqualBitsNearThoseOfX86) {
  const GoldenModel golden("gqa-llama3-rope-q8_0");
  const std::string text = testFolder() + "/text";
  std::ofstream stream(text);
  for (int i = 0; i < 200; ++i)
    stream << "The model reads every token. ";
  stream.close();
  const std::string options = "--bits=5 --calibration=\"" + text + "\"";
  const std::string folder = compile(golden, options);
  const std::vector<int32_t> tokens(golden.prompt.begin(),
                                    golden.prompt.begin() + 131);
  std::vector<Emulated> results;
  for (const Processor &processor : kProcessors) {
    results.push_back(
        run(folder, processor.name, tokens, 1, golden.vocabulary));
    EXPECT_EQ(results.back().features, processor.features);
    EXPECT_TRUE(haveEqualBits(results[0], results.back())) << processor.name;
  }

  const std::string here = testFolder() + "/here";
  ASSERT_TRUE(runTool("picollm-compile --quiet \"" + golden.path + "\" -o \"" +
                      here + "\" --name=golden -target=x86-64 " + options));
  const CompiledModel compiled(here);
  ASSERT_NE(compiled.model, nullptr);
  const Logits expected = compiled.prefill(tokens, 2);
  double scale = 0;
  for (float logit : expected.numbers)
    scale = std::max(scale, std::abs(double(logit)));
  const int64_t untipped = 8;
  for (int64_t row = 0; row < expected.rows(); ++row)
    for (int64_t j = 0; j < expected.vocabulary; ++j)
      ASSERT_NEAR(results[0].prefill.row(row)[j], expected.row(row)[j],
                  (row < untipped ? 1e-5 : 5e-2) * scale)
          << "at position " << row;
}

} // namespace
