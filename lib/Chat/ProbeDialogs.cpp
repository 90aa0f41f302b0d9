//===- ProbeDialogs.cpp - dialogs that tell a template's form -------------===//

#include "ProbeDialogs.h"

using namespace picollm;

const llvm::StringRef picollm::paddingStart = "\n\n \t ";
const llvm::StringRef picollm::paddingEnd = " \t \n\n";

Dialog picollm::probeDialog(size_t count, bool hasSystem) {
  Dialog dialog;
  if (hasSystem)
    dialog.push_back({"system", "ZqSystemWv"});
  for (size_t i = 0; i < count; ++i) {
    std::string number = std::to_string(i / 2);
    dialog.push_back(i % 2 ? ChatMessage{"assistant", "ZqReply" + number + "Wv"}
                           : ChatMessage{"user", "ZqAsk" + number + "Wv"});
  }
  return dialog;
}

Dialog picollm::withPadding(Dialog dialog) {
  for (ChatMessage &message : dialog)
    message.content = paddingStart.str() + message.content + paddingEnd.str();
  return dialog;
}

std::optional<std::string> picollm::writeDialog(const ChatFormat &format,
                                                const Dialog &dialog) {
  std::vector<picollm_message> messages;
  for (const ChatMessage &message : dialog)
    messages.push_back(
        {message.role.c_str(), message.content.data(), message.content.size()});
  runtime::ChatTables tables = {{format.gaps.data(), format.gaps.size()},
                                format.text,
                                format.flags,
                                format.systemRefusal};
  runtime::ChatText written;
  if (runtime::writeChat(tables, messages.data(), messages.size(), written))
    return std::nullopt;
  return written.text;
}

std::string picollm::describe(const Dialog &dialog) {
  std::string text = "a dialog of " + std::to_string(dialog.size()) +
                     (dialog.size() == 1 ? " message" : " messages");
  return hasSystemMessage(dialog) ? text + ", the first a system message"
                                  : text;
}
