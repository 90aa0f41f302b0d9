//===- TokenizerFile.h - a checked view of a tokenizer file -----*- C++ -*-===//

#ifndef PICOLLM_RUNTIME_TOKENIZERFILE_H
#define PICOLLM_RUNTIME_TOKENIZERFILE_H

#include "picollm/tokenizer_file.h"
#include <cstddef>
#include <string>
#include <string_view>

namespace picollm {

/// An array inside the file, which the caller of open() owns.
template <typename T> struct TableView {
  const T *data = nullptr;
  size_t count = 0;

  const T &operator[](size_t index) const { return data[index]; }
  const T *begin() const { return data; }
  const T *end() const { return data + count; }
};

/// The sections of a tokenizer file. After open() has succeeded every index in
/// them is in range, every hash table has a power of two of slots, and the
/// piece offsets rise.
struct TokenizerFile {
  picollm_tokenizer_file_header header;
  TableView<uint32_t> pieceOffsets;
  TableView<char> pieces;
  TableView<uint8_t> kinds;
  TableView<uint32_t> byteTokens;
  TableView<picollm_tokenizer_merge> merges;
  TableView<uint32_t> words;
  TableView<uint32_t> specials;
  TableView<uint32_t> endTokens;
  TableView<uint16_t> classPages;
  TableView<uint8_t> classBlocks;
  TableView<picollm_tokenizer_stage> stages;
  TableView<uint16_t> transitions;
  TableView<char> chatTemplate;
  TableView<char> chatRefusal; ///< terminated, or empty
  TableView<char> chatSystemRefusal;
  TableView<picollm_chat_gap> chatGaps;
  TableView<char> chatText;
  TableView<uint32_t> ranks;

  /// Checks `size` bytes at `data`, which must be aligned to 8 bytes and
  /// outlive this view. Returns what is wrong with them, empty if nothing is.
  std::string open(const void *data, size_t size);

  bool isScored() const { return header.flags & PICOLLM_TOKENIZER_SCORED; }
  /// The bytes of a token that exists.
  std::string_view piece(uint32_t id) const;
  /// The normal token of these bytes, or PICOLLM_TOKENIZER_NO_TOKEN; that too
  /// in a file without a table of words.
  uint32_t findWord(std::string_view word) const;

private:
  std::string bindSections(const char *data, size_t size);
  std::string checkTokens() const;
  std::string checkSplitter() const;
  std::string checkChat() const;
};

} // namespace picollm

#endif // PICOLLM_RUNTIME_TOKENIZERFILE_H
