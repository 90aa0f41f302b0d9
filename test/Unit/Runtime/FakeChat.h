// Dialogs of the fake models: "<|begin|>" before everything if the text is to
// write it, "S:" before a system message, "U:" and "A:" before those of user
// and assistant, "<|end|>" after each. White space around them is trimmed.
#ifndef PICOLLM_TEST_FAKECHAT_H
#define PICOLLM_TEST_FAKECHAT_H

#include "picollm/Chat/ChatFormat.h"

namespace picollm::test {

inline ChatFormat fakeChat(bool writesBegin = false) {
  ChatFormat format;
  format.refusal.clear();
  format.gaps.resize(2 * PICOLLM_CHAT_GAPS, picollm_chat_gap{});
  auto store = [&](const std::string &text, uint32_t &offset, uint32_t &bytes) {
    offset = uint32_t(format.text.size());
    bytes = uint32_t(text.size());
    format.text += text;
  };
  for (uint32_t i = 0; i < format.gaps.size(); ++i) {
    picollm_chat_gap &gap = format.gaps[i];
    const uint32_t name = i % PICOLLM_CHAT_GAPS;
    const bool isBegin = name <= PICOLLM_CHAT_BEGIN_LAST;
    const bool toUser = name >= PICOLLM_CHAT_SECOND && name < PICOLLM_CHAT_END;
    std::string text = isBegin ? (writesBegin ? "<|begin|>" : "") : "<|end|>";
    gap.has_system = isBegin && i >= PICOLLM_CHAT_GAPS;
    text += gap.has_system ? "S:" : isBegin || toUser ? "U:" : "A:";
    store(text, gap.text_offset, gap.text_bytes);
    store(gap.has_system ? "<|end|>U:" : "", gap.rest_offset, gap.rest_bytes);
    gap.trim_before = gap.trim_after = gap.trim_system_start =
        gap.trim_system_end = PICOLLM_CHAT_TRIM_SPACE;
  }
  return format;
}

} // namespace picollm::test

#endif
