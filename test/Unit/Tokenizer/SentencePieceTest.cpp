//===- SentencePieceTest.cpp - vocabularies whose merges have scores ------===//

#include "Fixtures.h"
#include "picollm/Import/ModelFile.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace picollm;
using namespace picollm::test;

namespace {

using Ids = std::vector<int32_t>;

class SentencePiece : public testing::TestWithParam<const char *> {};

// The texts name no control token of these vocabularies.
TEST_P(SentencePiece, IdsOfAllTexts) {
  CompiledTokenizer tokenizer(scoredTokenizer(GetParam()));
  const nlohmann::json golden =
      readFixture("sentencepiece.json")[GetParam()]["ids"];
  expectGoldenIds(tokenizer, golden, true);
  expectGoldenIds(tokenizer, golden, false);
}

TEST_P(SentencePiece, RandomBytesSurviveEncodingAndDecoding) {
  const TokenizerData data = scoredTokenizer(GetParam());
  CompiledTokenizer tokenizer(data);
  const std::string prefix = *data.addSpacePrefix ? " " : "";
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(1 + random() % 60, '\0');
    for (char &byte : bytes)
      byte = static_cast<char>(random());
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(bytes, false)),
              prefix + bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, SentencePiece,
                         testing::Values("gemma", "llama"));

TEST(SentencePieceText, U2581IsASpace) {
  CompiledTokenizer tokenizer(scoredTokenizer("gemma"));
  EXPECT_EQ(tokenizer->encode("a\xE2\x96\x81lazy\xE2\x96\x81", false),
            tokenizer->encode("a lazy ", false));
}

TEST(SentencePieceText, SpaceGoesBeforeTextAndAfterControlTokens) {
  CompiledTokenizer tokenizer(scoredTokenizer("llama"));
  auto shown = [&](const std::string &text) {
    return tokenizer->decode(tokenizer->encode(text, true), true);
  };
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("a"), " a");
  EXPECT_EQ(shown("<s>a</s><s>b"), "<s> a</s><s> b");
  // Tokens of the user are text.
  EXPECT_EQ(shown("a<file_sep>b"), " a<file_sep>b");
  EXPECT_EQ(shown("<s><file_sep>b"), "<s> <file_sep>b");
}

TEST(SentencePieceText, ControlTokensAreTextUnlessWanted) {
  CompiledTokenizer tokenizer(scoredTokenizer("gemma"));
  EXPECT_EQ(tokenizer->encode("</s>", true), (Ids{1}));
  const Ids plain = tokenizer->encode("</s>", false);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 1), 0);
  EXPECT_EQ(tokenizer->decode(plain), "</s>");
}

TEST(SentencePieceText, BosIsAddedUnlessTheFileForbids) {
  TokenizerData data = scoredTokenizer("gemma");
  EXPECT_TRUE(CompiledTokenizer(data)->addBos());
  data.addBos = false;
  EXPECT_FALSE(CompiledTokenizer(data)->addBos());
}

// The best score merges first, wherever it is, and the leftmost of equals.
TEST(SentencePieceText, ScoresDecideTheOrderOfMerges) {
  TokenizerData data = scoredTokenizer("gemma");
  auto add = [&](const std::string &token, float score) {
    data.tokens.push_back(token);
    data.types.push_back(TokenType::Normal);
    data.scores.push_back(score);
    return int32_t(data.tokens.size() - 1);
  };
  // Of characters that no token of the vocabulary has.
  const int32_t ab = add("\u0416\u0429", -7), bc = add("\u0429\u042F", -5);
  const int32_t aa = add("\u0416\u0416", -6);
  CompiledTokenizer tokenizer(data);
  const Ids first = tokenizer->encode("\u0416\u0429\u042F", false);
  ASSERT_EQ(first.size(), 3u); // two bytes, then the better pair
  EXPECT_EQ(first[2], bc);
  const Ids three = tokenizer->encode("\u0416\u0416\u0416", false);
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0], aa);
  EXPECT_EQ(tokenizer->encode("\u0416\u0429", false), (Ids{ab}));
}

// Every merge that looks at all others would be felt: 4e12 looks.
TEST(SentencePieceText, TextOfTwoMillionBytes) {
  CompiledTokenizer tokenizer(scoredTokenizer("gemma"));
  std::string text;
  for (int i = 0; i < 1000000; ++i)
    text += "the"[i % 3], text += 'a' + i % 7;
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, true)), text);
}

std::string errorOf(const TokenizerData &data) {
  llvm::Expected<std::string> bytes = compileTokenizer(data);
  return bytes ? "" : llvm::toString(bytes.takeError());
}

TEST(SentencePieceErrors, MissingScores) {
  TokenizerData data = scoredTokenizer("gemma");
  data.scores.clear();
  EXPECT_EQ(errorOf(data),
            "the vocabulary has " + std::to_string(data.tokens.size()) +
                " tokens, but scores (tokenizer.ggml.scores) of 0");
}

TEST(SentencePieceErrors, ScoreThatIsNoNumber) {
  TokenizerData data = scoredTokenizer("gemma");
  data.scores[300] = NAN;
  EXPECT_EQ(errorOf(data), "token 300 has a score that is not a number");
}

TEST(SentencePieceErrors, MissingByte) {
  TokenizerData data = scoredTokenizer("gemma");
  *std::find(data.tokens.begin(), data.tokens.end(), "<0x0A>") = "<0x0G>";
  EXPECT_EQ(errorOf(data),
            "the vocabulary has no token '<0x0A>' of the kind 'byte'; "
            "SentencePiece without a token for every byte is not supported");
}

/// The GGUF file that scripts/fetch-gemma3 gets.
std::string gemma3Path() {
  if (const char *path = std::getenv("PICOLLM_GEMMA3"))
    return path;
  return PICOLLM_BUILD_DIR "/models/gemma-3-270m-q4_k_m.gguf";
}

TEST(Gemma3Golden, IdsOfAllTexts) {
  if (!std::ifstream(gemma3Path()))
    GTEST_SKIP() << gemma3Path() << " is missing; run scripts/fetch-gemma3";
  auto file = openModelFile(gemma3Path());
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  llvm::Expected<TokenizerData> data = (*file)->readTokenizer();
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  CompiledTokenizer tokenizer(*data);
  expectGoldenIds(tokenizer, readFixture("gemma3.json")["ids"], true);
  EXPECT_EQ(tokenizer->bos(), 2);
  EXPECT_TRUE(tokenizer->addBos());
  EXPECT_FALSE(tokenizer->addEos());
  EXPECT_TRUE(tokenizer->isEnd(1));
  EXPECT_TRUE(tokenizer->isEnd(106)) << "<end_of_turn>";
}

} // namespace
