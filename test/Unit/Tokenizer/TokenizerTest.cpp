//===- TokenizerTest.cpp - encoding and decoding --------------------------===//

#include "Fixtures.h"
#include <gtest/gtest.h>
#include <random>

using namespace picollm;
using namespace picollm::test;

namespace {

using Ids = std::vector<int32_t>;

TEST(Tokenizer, RandomBytesSurviveEncodingAndDecoding) {
  std::mt19937 random(7);
  for (const char *name : {"gpt-2", "smollm", "llama-bpe", "deepseek-v3"}) {
    CompiledTokenizer tokenizer(tinyTokenizer(name));
    for (int round = 0; round < 200; ++round) {
      std::string bytes(random() % 60, '\0');
      for (char &byte : bytes)
        byte = static_cast<char>(random());
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(bytes, false)), bytes);
    }
  }
}

TEST(Tokenizer, BrokenUtf8SurvivesEncodingAndDecoding) {
  CompiledTokenizer tokenizer(tinyTokenizer("llama-bpe"));
  for (std::string bytes :
       {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82",
        "\x80 \xBF", "\xF0\x9F\x91", "\xFF\xFE 1", "\xE2\x82\xE2\x82\xAC"})
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(bytes, true)), bytes);
}

TEST(Tokenizer, GoldenTextsSurviveEncodingAndDecoding) {
  CompiledTokenizer tokenizer(tinyTokenizer("qwen2"));
  for (std::string text : readFixture("texts.json"))
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, true), true), text);
}

// An invalid byte is neither letter nor number nor space, as U+FFFD is not: it
// separates the letters around it, and takes the space before it.
TEST(Tokenizer, InvalidByteSplitsAsAnotherSymbol) {
  TokenizerData data = tinyTokenizer("gpt-2");
  auto add = [&](std::string left, std::string right) {
    data.tokens.push_back(left + right);
    data.types.push_back(TokenType::Normal);
    data.merges.emplace_back(left, right);
    return static_cast<int32_t>(data.tokens.size() - 1);
  };
  // U+0120 spells a space, U+00FF the byte FF.
  int32_t spaceByte = add("\xC4\xA0", "\xC3\xBF");
  int32_t twoBytes = add("\xC3\xBF", "\xC3\xBF");
  add("q", "\xC3\xBF");
  CompiledTokenizer tokenizer(data);
  Ids ids = tokenizer->encode("q\xFF\xFFq \xFF", true);
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_EQ(tokenizer->piece(ids[0]), "q");
  EXPECT_EQ(ids[1], twoBytes);
  EXPECT_EQ(tokenizer->piece(ids[2]), "q");
  EXPECT_EQ(ids[3], spaceByte);
}

TEST(Tokenizer, ByteWithoutTokenIsLeftOut) {
  TokenizerData data = tinyTokenizer("gpt-2");
  auto spelling = std::find(data.tokens.begin(), data.tokens.end(), "~");
  ASSERT_NE(spelling, data.tokens.end());
  *spelling = "[gone]";
  std::vector<std::pair<std::string, std::string>> merges;
  for (const auto &merge : data.merges)
    if ((merge.first + merge.second).find('~') == std::string::npos)
      merges.push_back(merge);
  data.merges = merges;
  CompiledTokenizer tokenizer(data);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a~b ~", false)), "ab ");
}

TEST(Tokenizer, NoTokenHasThisNumber) {
  CompiledTokenizer tokenizer(tinyTokenizer("gpt-2"));
  int32_t count = static_cast<int32_t>(tokenizer->getVocabularySize());
  for (int32_t id : {-1, -2147483647 - 1, count, 2147483647}) {
    EXPECT_EQ(tokenizer->piece(id), "");
    EXPECT_FALSE(tokenizer->isControl(id));
    EXPECT_FALSE(tokenizer->isEnd(id));
  }
}

TEST(Tokenizer, ControlTokensAreDecodedOnlyIfShown) {
  CompiledTokenizer tokenizer(tinyTokenizer("gpt-2"));
  Ids ids = tokenizer->encode("<|im_start|>a<file_sep>", true);
  EXPECT_EQ(tokenizer->decode(ids), "a<file_sep>");
  EXPECT_EQ(tokenizer->decode(ids, true), "<|im_start|>a<file_sep>");
  EXPECT_TRUE(tokenizer->isControl(ids[0]));
  EXPECT_FALSE(tokenizer->isControl(ids[1]));
}

// A merge per step of a quadratic algorithm over this piece would be felt: 4e12
// of them.
TEST(Tokenizer, PieceOfTwoMillionBytes) {
  CompiledTokenizer tokenizer(tinyTokenizer("gpt-2"));
  std::string text;
  for (int i = 0; i < 1000000; ++i)
    text += "the"[i % 3], text += 'a' + i % 7;
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, true)), text);
}

TEST(Tokenizer, PlainSpansHideControlTokensAndChangeNothingElse) {
  CompiledTokenizer tokenizer(tinyTokenizer("llama-bpe"));
  std::mt19937 random(11);
  for (std::string text : readFixture("texts.json")) {
    if (text.empty())
      continue;
    EXPECT_EQ(tokenizer->encode(text, {{0, text.size()}}),
              tokenizer->encode(text, false));
    if (tokenizer->encode(text, false) != tokenizer->encode(text, true))
      continue;
    const size_t a = random() % text.size(), b = random() % text.size();
    std::vector<TextSpan> spans = {{std::min(a, b), std::max(a, b)},
                                   {std::max(a, b), text.size()}};
    EXPECT_EQ(tokenizer->encode(text, spans), tokenizer->encode(text, false))
        << text;
  }
}

} // namespace
