//===- Tokenizer.h - text to tokens and back --------------------*- C++ -*-===//

#ifndef PICOLLM_RUNTIME_TOKENIZER_H
#define PICOLLM_RUNTIME_TOKENIZER_H

#include "TokenizerFile.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace picollm {

/// The bytes begin, ..., end - 1 of a text.
struct TextSpan {
  size_t begin, end;
};

/// Byte-level BPE, or the BPE of SentencePiece, over the tables of a tokenizer
/// file. Immutable after open(),
/// so threads may share it.
class Tokenizer {
public:
  /// Checks and takes a view of `size` bytes at `data`; the caller owns them
  /// and keeps them, aligned to 8 bytes, as long as the tokenizer is used.
  /// Returns an empty string, or a sentence that says what is wrong with them;
  /// after that no other function may be called.
  std::string open(const void *data, size_t size);

  /// The tokens of any bytes, valid UTF-8 or not; bos and eos are the caller's
  /// (see addBos). User-defined tokens are always found in the text; control
  /// tokens such as <|im_start|> only if `parseSpecial`, else they are split
  /// as the characters that spell them. A byte for which the vocabulary has no
  /// token (rare control characters, in some models) is left out.
  std::vector<int32_t> encode(std::string_view text, bool parseSpecial) const;

  /// The same with control tokens found wherever they touch none of the `plain`
  /// spans, which are in order and do not overlap. Apart from that, the text is
  /// split as if it had no spans.
  std::vector<int32_t> encode(std::string_view text,
                              const std::vector<TextSpan> &plain) const;

  /// The bytes that a token stands for, empty if there is no such token. They
  /// may start or end inside a character. The view lies in the file. A control
  /// token's piece is its name.
  std::string_view piece(int32_t token) const;

  /// The bytes of all tokens, control tokens left out unless `showSpecial`. The
  /// space that some vocabularies put before a text is there.
  std::string decode(const std::vector<int32_t> &tokens,
                     bool showSpecial = false) const;

  int64_t getVocabularySize() const { return file.header.vocabulary; }
  /// -1: the tokenizer has none.
  int32_t bos() const { return idOrMinusOne(file.header.bos); }
  int32_t eos() const { return idOrMinusOne(file.header.eos); }
  bool addBos() const { return file.header.flags & PICOLLM_TOKENIZER_ADD_BOS; }
  bool addEos() const { return file.header.flags & PICOLLM_TOKENIZER_ADD_EOS; }
  /// Whether generation ends with this token: end of sequence, turn, message.
  bool isEnd(int32_t token) const;
  /// Whether the token is not part of a text.
  bool isControl(int32_t token) const;
  /// Jinja source, empty if the model has none. The view lies in the file.
  std::string_view chatTemplate() const {
    return {file.chatTemplate.data, file.chatTemplate.count};
  }

  /// All sections, checked.
  const TokenizerFile &tables() const { return file; }

private:
  static int32_t idOrMinusOne(uint32_t id) {
    return id == PICOLLM_TOKENIZER_NO_TOKEN ? -1 : static_cast<int32_t>(id);
  }

  TokenizerFile file;
};

} // namespace picollm

#endif // PICOLLM_RUNTIME_TOKENIZER_H
