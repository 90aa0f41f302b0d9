//===- ChatTemplate.cpp - the format of a model's dialogs -----------------===//

#include "picollm/Chat/ChatTemplate.h"
#include "picollm/Import/TokenizerData.h"

using namespace picollm;

ChatFormat picollm::makeChatFormat(const TokenizerData &data) {
  ChatFormat format;
  if (data.chatTemplate.empty())
    return format;
  ChatTemplate chatTemplate;
  chatTemplate.source = data.chatTemplate;
  const std::pair<const char *, std::optional<uint32_t>> named[] = {
      {"bos_token", data.bos},
      {"eos_token", data.eos},
      {"unk_token", data.unknown},
      {"pad_token", data.padding}};
  for (const auto &[name, token] : named)
    if (token && *token < data.tokens.size())
      chatTemplate.variables[name] = data.tokens[*token];
  auto made = factorChatTemplate([&](llvm::ArrayRef<Dialog> dialogs) {
    return renderDialogs(chatTemplate, dialogs);
  });
  if (made)
    return std::move(*made);
  // A sentence that is stored and shown: no line breaks, no terminators.
  format.refusal = "the model's chat template cannot be used: " +
                   llvm::toString(made.takeError());
  for (char &c : format.refusal)
    if (static_cast<unsigned char>(c) < ' ')
      c = ' ';
  return format;
}
