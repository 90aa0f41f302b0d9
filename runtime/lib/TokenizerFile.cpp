//===- TokenizerFile.cpp - a checked view of a tokenizer file -------------===//

#include "TokenizerFile.h"
#include <algorithm>
#include <cstring>

using namespace picollm;

namespace {

std::string damaged(const char *what) {
  return std::string("the tokenizer file is damaged: ") + what +
         "; compile the model again";
}

template <typename T>
bool bindSection(const char *data, size_t size,
                 const picollm_tokenizer_section &section, TableView<T> &view) {
  if (section.offset % PICOLLM_TOKENIZER_FILE_ALIGNMENT ||
      section.offset > size || section.bytes > size - section.offset ||
      section.bytes % sizeof(T))
    return false;
  view.data = reinterpret_cast<const T *>(data + section.offset);
  view.count = static_cast<size_t>(section.bytes / sizeof(T));
  return true;
}

bool isPowerOfTwo(size_t value) { return value && !(value & (value - 1)); }

} // namespace

std::string TokenizerFile::open(const void *data, size_t size) {
  if (size < sizeof(header))
    return "the tokenizer file has " + std::to_string(size) +
           " bytes, expected at least " + std::to_string(sizeof(header));
  if (reinterpret_cast<uintptr_t>(data) % PICOLLM_TOKENIZER_FILE_ALIGNMENT)
    return "the bytes of a tokenizer file must be aligned to 8 bytes";
  std::memcpy(&header, data, sizeof(header));
  if (std::memcmp(header.magic, PICOLLM_TOKENIZER_FILE_MAGIC,
                  sizeof(header.magic)))
    return "this is not a tokenizer file: its first bytes are not " +
           std::string(PICOLLM_TOKENIZER_FILE_MAGIC);
  if (header.version != PICOLLM_TOKENIZER_FILE_VERSION)
    return "the tokenizer file has version " + std::to_string(header.version) +
           ", expected " + std::to_string(PICOLLM_TOKENIZER_FILE_VERSION) +
           "; compile the model again";
  if (header.header_bytes != sizeof(header))
    return damaged("its header has the wrong size");
  if (header.file_bytes != size)
    return "the tokenizer file has " + std::to_string(size) +
           " bytes, but its header says " + std::to_string(header.file_bytes) +
           "; it was not copied completely";
  std::string error = bindSections(static_cast<const char *>(data), size);
  if (error.empty())
    error = checkTokens();
  if (error.empty())
    error = checkSplitter();
  if (error.empty())
    error = checkChat();
  return error;
}

std::string_view TokenizerFile::piece(uint32_t id) const {
  uint32_t begin = pieceOffsets[id];
  return {pieces.data + begin, pieceOffsets[id + 1] - begin};
}

uint32_t TokenizerFile::findWord(std::string_view word) const {
  if (!words.count)
    return PICOLLM_TOKENIZER_NO_TOKEN;
  const size_t mask = words.count - 1;
  size_t slot = picollm_tokenizer_bytes_hash(word.data(), word.size()) & mask;
  for (size_t probes = 0; probes <= mask; ++probes) {
    uint32_t id = words[slot];
    if (id == PICOLLM_TOKENIZER_NO_TOKEN || piece(id) == word)
      return id;
    slot = (slot + 1) & mask;
  }
  return PICOLLM_TOKENIZER_NO_TOKEN;
}

std::string TokenizerFile::bindSections(const char *data, size_t size) {
  const picollm_tokenizer_section *sections = header.sections;
  if (!bindSection(data, size, sections[PICOLLM_TOKENIZER_PIECE_OFFSETS],
                   pieceOffsets) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_PIECES], pieces) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_KINDS], kinds) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_BYTE_TOKENS],
                   byteTokens) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_MERGES], merges) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_WORDS], words) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_SPECIALS],
                   specials) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_END_TOKENS],
                   endTokens) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CLASS_PAGES],
                   classPages) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CLASS_BLOCKS],
                   classBlocks) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_STAGES], stages) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_TRANSITIONS],
                   transitions) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CHAT_TEMPLATE],
                   chatTemplate) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CHAT_REFUSAL],
                   chatRefusal) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CHAT_SYSTEM_REFUSAL],
                   chatSystemRefusal) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CHAT_GAPS],
                   chatGaps) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_CHAT_TEXT],
                   chatText) ||
      !bindSection(data, size, sections[PICOLLM_TOKENIZER_RANKS], ranks))
    return damaged("a section lies outside of it");
  return "";
}

std::string TokenizerFile::checkTokens() const {
  const uint32_t vocabulary = header.vocabulary;
  auto isTokenOrNone = [&](uint32_t id) {
    return id < vocabulary || id == PICOLLM_TOKENIZER_NO_TOKEN;
  };
  if (!vocabulary || vocabulary >= PICOLLM_TOKENIZER_MAX_TOKENS ||
      pieceOffsets.count != size_t(vocabulary) + 1 || kinds.count != vocabulary)
    return damaged("its vocabulary has the wrong size");
  if (pieceOffsets[0] != 0 || pieceOffsets[vocabulary] != pieces.count)
    return damaged("its pieces have the wrong size");
  for (uint32_t id = 0; id < vocabulary; ++id)
    if (pieceOffsets[id] > pieceOffsets[id + 1])
      return damaged("its pieces overlap");
  if (!isTokenOrNone(header.bos) || !isTokenOrNone(header.eos))
    return damaged("a special token is not in its vocabulary");
  if (byteTokens.count != 256)
    return damaged("it does not have 256 tokens for the bytes");
  for (uint32_t id : byteTokens)
    if (!isTokenOrNone(id))
      return damaged("the token of a byte is not in its vocabulary");
  if (!isPowerOfTwo(merges.count))
    return damaged("its merges are not a power of two");
  for (const picollm_tokenizer_merge &merge : merges)
    if (merge.left != PICOLLM_TOKENIZER_NO_TOKEN && merge.result >= vocabulary)
      return damaged("a merge gives a token that is not in its vocabulary");
  bool needsWords =
      isScored() || header.flags & PICOLLM_TOKENIZER_IGNORE_MERGES;
  if (needsWords ? !isPowerOfTwo(words.count) : words.count != 0)
    return damaged("its table of words has the wrong size");
  if (ranks.count != (isScored() ? vocabulary : 0))
    return damaged("its table of ranks has the wrong size");
  for (uint32_t id : words)
    if (!isTokenOrNone(id))
      return damaged("a word is not in its vocabulary");
  for (const TableView<uint32_t> *list : {&specials, &endTokens})
    for (uint32_t id : *list)
      if (id >= vocabulary)
        return damaged("a special token is not in its vocabulary");
  return "";
}

std::string TokenizerFile::checkSplitter() const {
  const uint32_t pageSize = PICOLLM_TOKENIZER_PAGE_CODE_POINTS;
  if (!header.classes || header.classes > 256)
    return damaged("it has no classes of code points");
  if (classPages.count != PICOLLM_TOKENIZER_CODE_POINTS / pageSize ||
      classBlocks.count % pageSize)
    return damaged("its classes of code points have the wrong size");
  for (uint16_t block : classPages)
    if (block >= classBlocks.count / pageSize)
      return damaged("a page of code points is missing");
  for (uint8_t codeClass : classBlocks)
    if (codeClass >= header.classes)
      return damaged("a code point has an unknown class");

  const size_t columns = size_t(header.classes) + 1;
  const size_t rows = transitions.count / columns;
  if (transitions.count % columns)
    return damaged("its splitter has the wrong size");
  // Pieces are split stage by stage, a call in a call.
  if (stages.count > PICOLLM_TOKENIZER_MAX_STAGES)
    return damaged("its splitter has too many stages");
  for (const picollm_tokenizer_stage &stage : stages) {
    if (stage.states < 2 || stage.first_state > rows ||
        stage.states > rows - stage.first_state)
      return damaged("a stage of its splitter has no states");
    const uint16_t *row = transitions.data + stage.first_state * columns;
    for (size_t i = 0; i < stage.states * columns; ++i)
      if ((row[i] & ~PICOLLM_TOKENIZER_ACCEPT) >= stage.states)
        return damaged("its splitter leads to a state that does not exist");
  }
  return "";
}

/// Sentences of a file go to terminals.
static bool hasControlCharacters(const char *begin, const char *end) {
  return std::any_of(begin, end, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

std::string TokenizerFile::checkChat() const {
  if (hasControlCharacters(chatSystemRefusal.begin(), chatSystemRefusal.end()))
    return damaged("its reason for refusing system messages is not a sentence");
  if (chatRefusal.count) {
    if (chatRefusal.count < 2 || chatRefusal[0] == '\0' ||
        chatRefusal[chatRefusal.count - 1] != '\0' ||
        hasControlCharacters(chatRefusal.begin(), chatRefusal.end() - 1))
      return damaged("its reason for refusing dialogs is not a sentence");
    return chatGaps.count ? damaged("it refuses dialogs and has their form")
                          : "";
  }
  if (chatGaps.count != 2 * PICOLLM_CHAT_GAPS)
    return damaged("its form of dialogs is not complete");
  auto isInText = [&](uint32_t offset, uint32_t bytes) {
    return offset <= chatText.count && bytes <= chatText.count - offset;
  };
  for (const picollm_chat_gap &gap : chatGaps) {
    if (!isInText(gap.text_offset, gap.text_bytes) ||
        !isInText(gap.rest_offset, gap.rest_bytes))
      return damaged("a text of its form of dialogs lies outside of it");
    for (uint8_t trim : {gap.trim_before, gap.trim_system_start,
                         gap.trim_system_end, gap.trim_after})
      if (trim > PICOLLM_CHAT_TRIM_NEWLINES)
        return damaged("its form of dialogs trims in an unknown way");
  }
  return "";
}
