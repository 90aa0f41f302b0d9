//===- TokenizerCompilerTest.cpp - what the compiler refuses and stores ---===//

#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "Fixtures.h"
#include <gtest/gtest.h>

using namespace picollm;
using namespace picollm::test;

namespace {

std::string errorOf(const TokenizerData &data) {
  llvm::Expected<std::string> bytes = compileTokenizer(data);
  return bytes ? "" : llvm::toString(bytes.takeError());
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

int32_t idOf(const TokenizerData &data, const std::string &token) {
  auto found = std::find(data.tokens.begin(), data.tokens.end(), token);
  return static_cast<int32_t>(found - data.tokens.begin());
}

TEST(TokenizerCompiler, SameDataGivesSameBytes) {
  llvm::Expected<std::string> first = compileTokenizer(tinyTokenizer("qwen2"));
  llvm::Expected<std::string> second = compileTokenizer(tinyTokenizer("qwen2"));
  ASSERT_TRUE(bool(first) && bool(second));
  EXPECT_TRUE(*first == *second);
}

TEST(TokenizerCompiler, RefusesOtherKinds) {
  TokenizerData data = tinyTokenizer("default");
  data.model = "bert";
  EXPECT_EQ(errorOf(data),
            "the tokenizer is of kind 'bert' (tokenizer.ggml.model), expected "
            "byte-level BPE, 'gpt2', or SentencePiece's BPE, 'llama'");
}

TEST(TokenizerCompiler, UnknownPreTokenizerListsTheKnownOnes) {
  std::string error = errorOf(tinyTokenizer("martian"));
  EXPECT_TRUE(contains(error, "the pre-tokeniser 'martian'")) << error;
  EXPECT_TRUE(contains(error, "gpt-2, ")) << error;
  EXPECT_TRUE(contains(error, "smollm, ")) << error;
  EXPECT_TRUE(contains(error, "llama-bpe, ")) << error;
}

TEST(TokenizerCompiler, RefusesMergeOfTokenThatDoesNotExist) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.merges.emplace_back("zz", "qqq");
  std::string error = errorOf(data);
  EXPECT_TRUE(contains(error, "('zz' with 'qqq') needs a token")) << error;
}

TEST(TokenizerCompiler, RefusesTokenThatOccursTwice) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.tokens.push_back("a");
  data.types.push_back(TokenType::Normal);
  EXPECT_TRUE(contains(errorOf(data), "token 'a' occurs twice"));
}

TEST(TokenizerCompiler, RefusesTypesOfAnotherNumber) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.types.pop_back();
  EXPECT_TRUE(contains(errorOf(data), "kinds of"));
}

TEST(TokenizerCompiler, RefusesEmptyVocabulary) {
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = "gpt-2";
  EXPECT_TRUE(contains(errorOf(data), "the vocabulary has 0 tokens"));
}

TEST(TokenizerCompiler, RefusesSpecialTokenOutsideVocabulary) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.eot = 1000000;
  EXPECT_TRUE(contains(errorOf(data), "special token 1000000"));
}

TEST(TokenizerCompiler, RefusesToAddBosThatDoesNotExist) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.addBos = true;
  EXPECT_TRUE(contains(errorOf(data), "has none"));
}

TEST(TokenizerCompiler, StoresSpecialTokensAndTemplate) {
  TokenizerData data = tinyTokenizer("gpt-2");
  data.bos = static_cast<uint32_t>(idOf(data, "<|im_start|>"));
  data.eos = static_cast<uint32_t>(idOf(data, "a"));
  data.addEos = true;
  data.chatTemplate = "{{ messages }}";
  CompiledTokenizer tokenizer(data);
  EXPECT_EQ(tokenizer->bos(), idOf(data, "<|im_start|>"));
  EXPECT_EQ(tokenizer->eos(), idOf(data, "a"));
  EXPECT_FALSE(tokenizer->addBos());
  EXPECT_TRUE(tokenizer->addEos());
  EXPECT_EQ(tokenizer->chatTemplate(), "{{ messages }}");
  for (const char *end : {"a", "<|im_end|>", "<|endoftext|>", "<|end|>"})
    EXPECT_TRUE(tokenizer->isEnd(idOf(data, end))) << end;
  EXPECT_FALSE(tokenizer->isEnd(idOf(data, "<|im_start|>")));
}

TEST(TokenizerCompiler, LlamaAddsBosUnlessTheFileForbids) {
  TokenizerData data = tinyTokenizer("llama-bpe");
  EXPECT_FALSE(CompiledTokenizer(data)->addBos()) << "there is no bos";
  EXPECT_EQ(CompiledTokenizer(data)->bos(), -1);
  data.bos = 3;
  EXPECT_TRUE(CompiledTokenizer(data)->addBos());
  data.addBos = false;
  EXPECT_FALSE(CompiledTokenizer(data)->addBos());
}

} // namespace
