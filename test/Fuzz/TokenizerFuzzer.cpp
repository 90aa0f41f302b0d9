//===- TokenizerFuzzer.cpp - tokenizer files of any bytes -----------------===//
//
// The input is a tokenizer file as long as its header says, then a text.
// Whatever opens must encode the text to tokens that exist.
//
//===----------------------------------------------------------------------===//

#include "Chat.h"
#include "Require.h"
#include "Tokenizer.h"
#include "picollm/tokenizer_file.h"
#include <algorithm>
#include <cstring>
#include <vector>

using namespace picollm;

using Header = picollm_tokenizer_file_header;
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

static size_t fileBytes(const uint8_t *data, size_t size) {
  Header header;
  if (size < sizeof header)
    return size;
  std::memcpy(&header, data, sizeof header);
  return size_t(std::min<uint64_t>(header.file_bytes, size));
}

/// Most of a file is classes of characters, which say little: changes one
/// section, the header or the text, each as often as the others.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  const size_t file = fileBytes(data, size);
  const unsigned part = seed % (PICOLLM_TOKENIZER_SECTIONS + 4);
  if (file < sizeof(Header) || part >= PICOLLM_TOKENIZER_SECTIONS + 2)
    return LLVMFuzzerMutate(data, size, maxSize);
  if (part == PICOLLM_TOKENIZER_SECTIONS) // the text
    return file + LLVMFuzzerMutate(data + file, size - file,
                                   std::min<size_t>(maxSize - file, 512));
  Header header;
  std::memcpy(&header, data, sizeof header);
  size_t offset = 0, count = sizeof header;
  if (part < PICOLLM_TOKENIZER_SECTIONS) {
    const picollm_tokenizer_section &section = header.sections[part];
    if (section.offset > file || section.bytes > file - section.offset ||
        section.bytes == 0)
      return LLVMFuzzerMutate(data, size, maxSize);
    offset = size_t(section.offset);
    count = size_t(section.bytes);
  }
  // In place: what is behind it stays where it is.
  LLVMFuzzerMutate(data + offset, count, count);
  return size;
}

/// Dialogs around the same text, as the C API writes and encodes them.
static void writeDialogs(const Tokenizer &tokenizer, std::string_view text) {
  const TableView<char> &refusal = tokenizer.tables().chatRefusal;
  if (refusal.count && *refusal.data)
    return requireSentence(refusal.data);
  picollm_message messages[4];
  const char *const roles[] = {"system", "user", "assistant", "user"};
  for (size_t i = 0; i < 4; ++i)
    messages[i] = {roles[i], text.data(), text.size()};
  for (size_t first : {0, 1})
    for (size_t count : {2 - first, 4 - first}) {
      runtime::ChatText dialog;
      const auto failure =
          runtime::writeChat(runtime::ChatTables::of(tokenizer.tables()),
                             messages + first, count, dialog);
      if (failure) {
        requireSentence(failure.message);
        continue;
      }
      size_t end = 0;
      for (const TextSpan &content : dialog.contents) {
        require(content.begin >= end && content.end > content.begin &&
                    content.end <= dialog.text.size(),
                "a message outside of its dialog");
        end = content.end;
      }
      for (int32_t token : tokenizer.encode(dialog.text, dialog.contents))
        require(token >= 0 && token < tokenizer.getVocabularySize(),
                "a token that does not exist");
    }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const size_t file = fileBytes(data, size);
  // Aligned, and with nothing readable behind its end.
  std::vector<uint64_t> words((file + 7) / 8);
  uint8_t *bytes = reinterpret_cast<uint8_t *>(words.data()) +
                   (words.size() * 8 - file) / 8 * 8;
  std::copy_n(data, file, bytes);
  Tokenizer tokenizer;
  const std::string problem = tokenizer.open(bytes, file);
  if (!problem.empty()) {
    requireSentence(problem);
    return 0;
  }
  const auto *chars = reinterpret_cast<const char *>(data);
  for (std::string_view text :
       {std::string_view(chars + file, std::min<size_t>(size - file, 512)),
        std::string_view("the thin\xFF<|im_end|> 12\n\xE2\x82\xAC")})
    for (bool parseSpecial : {false, true}) {
      const std::vector<int32_t> tokens = tokenizer.encode(text, parseSpecial);
      for (int32_t token : tokens) {
        require(token >= 0 && token < tokenizer.getVocabularySize(),
                "a token that does not exist");
        tokenizer.isEnd(token);
        tokenizer.isControl(token);
      }
      tokenizer.decode(tokens, parseSpecial);
    }
  writeDialogs(tokenizer, {chars + file, std::min<size_t>(size - file, 64)});
  for (int32_t token : {-1, 0, int32_t(tokenizer.getVocabularySize())})
    tokenizer.piece(token);
  return 0;
}
