//===- ChatTemplate.h - what a Jinja template writes ------------*- C++ -*-===//

#ifndef PICOLLM_CHAT_CHATTEMPLATE_H
#define PICOLLM_CHAT_CHATTEMPLATE_H

#include "picollm/Chat/ChatFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>
#include <vector>

namespace picollm {

struct TokenizerData;

struct ChatMessage {
  std::string role;    ///< "system", "user" or "assistant"
  std::string content; ///< UTF-8
};
using Dialog = std::vector<ChatMessage>;

/// What a template makes of one dialog: a text, or its own complaint.
struct RenderedDialog {
  std::string text;
  std::string error; ///< empty: there is a text
};

/// Jinja source and the strings that it may name: bos_token, eos_token, ...
struct ChatTemplate {
  std::string source;
  std::map<std::string, std::string> variables;
};

/// Renders dialogs, each up to where the model's answer begins, with Jinja2 in
/// a Python process that has little time and memory, since the template is a
/// stranger's. No clock and no random numbers are offered to it.
///
/// The interpreter is that of the configuration, or the environment's
/// PICOLLM_PYTHON. Fails if it or Jinja2 is missing, if the template is no
/// Jinja, and if the process ends before it is done.
llvm::Expected<std::vector<RenderedDialog>>
renderDialogs(const ChatTemplate &chatTemplate, llvm::ArrayRef<Dialog> dialogs);

using DialogRenderer =
    llvm::function_ref<llvm::Expected<std::vector<RenderedDialog>>(
        llvm::ArrayRef<Dialog>)>;

/// Finds the text around messages by rendering dialogs whose contents can be
/// recognised, then renders others and compares with what the runtime would
/// write. Fails, with what was written otherwise, if the template is more than
/// text around each message. The result has no refusal.
llvm::Expected<ChatFormat> factorChatTemplate(DialogRenderer render);

/// The format of a model's dialogs. Whatever fails becomes its refusal.
ChatFormat makeChatFormat(const TokenizerData &data);

} // namespace picollm

#endif // PICOLLM_CHAT_CHATTEMPLATE_H
