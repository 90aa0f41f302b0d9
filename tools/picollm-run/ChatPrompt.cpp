#include "ChatPrompt.h"

std::string ChatFormat::turn(const std::string &system,
                             const std::string &message, bool first) const {
  auto begin = [&](const char *role) { return beforeRole + role + afterRole; };
  std::string text;
  if (!first)
    text += afterTurn;
  else if (!system.empty())
    text += begin("system") + system + afterTurn;
  return text + begin("user") + message + afterTurn + begin("assistant");
}

std::optional<ChatFormat> chatFormat(std::string_view jinja) {
  auto has = [&](std::string_view mark) {
    return jinja.find(mark) != std::string_view::npos;
  };
  if (has("<|im_start|>") && has("<|im_end|>"))
    return ChatFormat{"<|im_start|>", "\n", "<|im_end|>\n"};
  if (has("<|start_header_id|>") && has("<|eot_id|>"))
    return ChatFormat{"<|start_header_id|>", "<|end_header_id|>\n\n",
                      "<|eot_id|>"};
  return std::nullopt;
}
