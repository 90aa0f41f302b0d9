// Conversations in the form that a model was trained on.
#ifndef PICOLLM_RUN_CHATPROMPT_H
#define PICOLLM_RUN_CHATPROMPT_H

#include <optional>
#include <string>
#include <string_view>

/// How the turns of a conversation are marked.
struct ChatFormat {
  std::string beforeRole, afterRole, afterTurn;

  /// The turn of the user, then the start of the model's. `system`, said
  /// before the first turn, may be empty; a turn that is not the first also
  /// ends the model's one before it.
  std::string turn(const std::string &system, const std::string &message,
                   bool first) const;
};

/// The format that a model's Jinja template writes, found by the marks in it;
/// nothing if it is none of those known here (ChatML, Llama 3).
std::optional<ChatFormat> chatFormat(std::string_view jinja);

#endif
