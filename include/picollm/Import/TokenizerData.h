//===- TokenizerData.h - the tokenizer that a model file holds --*- C++ -*-===//

#ifndef PICOLLM_IMPORT_TOKENIZERDATA_H
#define PICOLLM_IMPORT_TOKENIZERDATA_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace picollm {

/// What a token is for. The numbers are those of `tokenizer.ggml.token_type`.
enum class TokenType : uint8_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,     ///< never part of a text: <|im_start|>
  UserDefined = 4, ///< found in a text before it is split
  Unused = 5,
  Byte = 6,
};

/// The splitter of GPT-2 (encoder.py), which later models share.
constexpr char gpt2Splitter[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+)"
                                R"(| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A tokenizer as its model file holds it, independent of the file format.
/// Strings are bytes that need not be valid UTF-8.
struct TokenizerData {
  std::string model;        ///< "gpt2": byte-level BPE; "llama": SentencePiece
  std::string preTokenizer; ///< "smollm", "llama-bpe"; "default" if not named

  /// Where preTokenizer is empty: the patterns that split a text, each the
  /// pieces of the one before it. The syntax is that of lib/Tokenizer/Regex.h.
  std::vector<std::string> splitters;
  /// Whether a piece that is a token as a whole is not merged from its bytes;
  /// where the file is silent, the pre-tokeniser decides.
  std::optional<bool> ignoreMerges;

  /// Indexed by token id. Byte-level BPE spells them in its byte alphabet
  /// (a space is U+0120), SentencePiece a space as U+2581 and bytes as <0x0A>,
  /// as the vocabulary of the file does.
  std::vector<std::string> tokens;
  std::vector<TokenType> types; ///< as many as tokens
  std::vector<float> scores;    ///< as many as tokens, or empty
  /// "llama": whether a space goes before a text; where the file is silent, one
  /// does.
  std::optional<bool> addSpacePrefix;

  /// By falling priority; both halves in the spelling of `tokens`.
  std::vector<std::pair<std::string, std::string>> merges;

  /// Ids are below tokens.size().
  std::optional<uint32_t> bos, eos, eot, eom, unknown, padding;
  std::vector<uint32_t> ends; ///< more tokens after which generation stops

  /// Whether a text starts with bos and ends with eos; where the file is
  /// silent, the pre-tokeniser decides (llama-bpe adds bos).
  std::optional<bool> addBos, addEos;

  std::string chatTemplate; ///< Jinja; empty: the file has none
};

} // namespace picollm

#endif // PICOLLM_IMPORT_TOKENIZERDATA_H
