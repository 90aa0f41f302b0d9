// Dialogs as the text that a model was trained on.
#ifndef PICOLLM_RUNTIME_CHAT_H
#define PICOLLM_RUNTIME_CHAT_H

#include "Error.h"
#include "Tokenizer.h"

#include <string>
#include <string_view>
#include <vector>

namespace picollm::runtime {

/// The form of a model's dialogs, as sections of a tokenizer file have it.
struct ChatTables {
  TableView<picollm_chat_gap> gaps; ///< [2 * PICOLLM_CHAT_GAPS]
  std::string_view text;            ///< in which the gaps lie
  uint32_t flags = 0;               ///< chat_flags
  std::string_view systemRefusal;

  static ChatTables of(const TokenizerFile &file);
};

/// A dialog as text, and where in it the messages are.
struct ChatText {
  std::string text;
  std::vector<TextSpan> contents; ///< none is empty
};

/// Index in ChatTables::gaps of what is before message `index` of `count`
/// messages of user and assistant; of what is at the end where index == count.
size_t chatGapIndex(size_t index, size_t count, bool hasSystem);

/// What is left of `text` when its start, or its end, has been trimmed in one
/// of the ways PICOLLM_CHAT_TRIM_...
std::string_view trimStart(std::string_view text, uint8_t trim);
std::string_view trimEnd(std::string_view text, uint8_t trim);

/// Checks and writes a dialog up to where the answer begins.
Failure writeChat(const ChatTables &tables, const picollm_message *messages,
                  size_t count, ChatText &out);

} // namespace picollm::runtime

#endif
