//===- ProbeDialogs.h - dialogs that tell a template's form -----*- C++ -*-===//

#ifndef PICOLLM_CHAT_PROBEDIALOGS_H
#define PICOLLM_CHAT_PROBEDIALOGS_H

#include "Chat.h"
#include "picollm/Chat/ChatTemplate.h"

namespace picollm {

/// Contents that no template writes by itself, different for every message.
/// `count` messages of user and assistant, the first and the last the user's;
/// a system message before them if `hasSystem`.
Dialog probeDialog(size_t count, bool hasSystem);

/// White space around each content of a probe; at both ends, a trimming of
/// nothing, of newlines and of all leaves different parts of it.
extern const llvm::StringRef paddingStart, paddingEnd;
Dialog withPadding(Dialog dialog);

inline bool hasSystemMessage(const Dialog &dialog) {
  return dialog[0].role == "system";
}

/// What the runtime writes for a dialog; empty for one that it refuses.
std::optional<std::string> writeDialog(const ChatFormat &format,
                                       const Dialog &dialog);

/// "a dialog of 3 messages, the first a system message".
std::string describe(const Dialog &dialog);

} // namespace picollm

#endif // PICOLLM_CHAT_PROBEDIALOGS_H
