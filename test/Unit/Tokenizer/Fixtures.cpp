//===- Fixtures.cpp - golden data of the tokenizer ------------------------===//

#include "Fixtures.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>

using namespace picollm;
using namespace picollm::test;

nlohmann::json test::readFixture(const std::string &name) {
  std::ifstream file(PICOLLM_TEST_DIR "/Fixtures/Tokenizer/" + name);
  nlohmann::json value = nlohmann::json::parse(file, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << name << " cannot be read";
  return value;
}

TokenizerData test::tinyTokenizer(const std::string &preTokenizer) {
  static const nlohmann::json fixture = readFixture("tiny.json");
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = preTokenizer;
  data.tokens = fixture["tokens"].get<std::vector<std::string>>();
  for (int type : fixture["types"])
    data.types.push_back(static_cast<TokenType>(type));
  for (const nlohmann::json &merge : fixture["merges"])
    data.merges.emplace_back(merge[0], merge[1]);
  return data;
}

TokenizerData test::scoredTokenizer(const std::string &name) {
  static const nlohmann::json fixture = readFixture("sentencepiece.json");
  const nlohmann::json &vocabulary = fixture.at(name);
  TokenizerData data;
  data.model = "llama";
  data.preTokenizer = "default";
  data.tokens = vocabulary["tokens"].get<std::vector<std::string>>();
  for (int type : vocabulary["types"])
    data.types.push_back(static_cast<TokenType>(type));
  data.scores = vocabulary["scores"].get<std::vector<float>>();
  data.addSpacePrefix = vocabulary["add_space_prefix"].get<bool>();
  data.bos = 2;
  data.eos = 1;
  return data;
}

AlignedBytes::AlignedBytes(const std::string &bytes)
    : words(bytes.size() / sizeof(uint64_t) + 1), count(bytes.size()) {
  std::memcpy(words.data(), bytes.data(), bytes.size());
}

static std::string compileOrFail(const TokenizerData &data) {
  llvm::Expected<std::string> bytes = compileTokenizer(data);
  if (bytes)
    return std::move(*bytes);
  ADD_FAILURE() << llvm::toString(bytes.takeError());
  return {};
}

CompiledTokenizer::CompiledTokenizer(const TokenizerData &data)
    : bytes(compileOrFail(data)) {
  EXPECT_EQ(tokenizer.open(bytes.data(), bytes.size()), "");
}

void test::expectGoldenIds(const CompiledTokenizer &tokenizer,
                           const nlohmann::json &golden, bool parseSpecial) {
  const nlohmann::json texts = readFixture("texts.json");
  ASSERT_EQ(texts.size(), golden.size());
  ASSERT_GT(texts.size(), 200u);
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(tokenizer->encode(std::string(texts[i]), parseSpecial),
              golden[i].get<std::vector<int32_t>>())
        << "text " << i << ": " << texts[i].dump();
}
