//===- Fixtures.h - golden data of the tokenizer ----------------*- C++ -*-===//

#ifndef PICOLLM_TEST_TOKENIZER_FIXTURES_H
#define PICOLLM_TEST_TOKENIZER_FIXTURES_H

#include "Tokenizer.h"
#include "picollm/Import/TokenizerData.h"
#include <nlohmann/json.hpp>

namespace picollm::test {

/// A golden file, made by a script in test/Fixtures/Tokenizer.
nlohmann::json readFixture(const std::string &name);

/// The small vocabulary of tiny.json.
TokenizerData tinyTokenizer(const std::string &preTokenizer);

/// A small vocabulary of SentencePiece: "gemma" or "llama", see
/// make_sentencepiece.py.
TokenizerData scoredTokenizer(const std::string &name);

/// Bytes aligned as a mapped file is.
class AlignedBytes {
public:
  AlignedBytes(const std::string &bytes);

  char *data() { return reinterpret_cast<char *>(words.data()); }
  size_t size() const { return count; }

private:
  std::vector<uint64_t> words;
  size_t count;
};

/// A tokenizer and its tables. Failing to make it fails the test.
class CompiledTokenizer {
public:
  explicit CompiledTokenizer(const TokenizerData &data);

  const Tokenizer *operator->() const { return &tokenizer; }

private:
  AlignedBytes bytes;
  Tokenizer tokenizer;
};

/// Expects the ids of all of texts.json.
void expectGoldenIds(const CompiledTokenizer &tokenizer,
                     const nlohmann::json &golden, bool parseSpecial);

} // namespace picollm::test

#endif // PICOLLM_TEST_TOKENIZER_FIXTURES_H
