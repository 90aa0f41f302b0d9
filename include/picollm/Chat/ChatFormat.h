//===- ChatFormat.h - how a model's dialogs are written ---------*- C++ -*-===//

#ifndef PICOLLM_CHAT_CHATFORMAT_H
#define PICOLLM_CHAT_CHATFORMAT_H

#include "picollm/tokenizer_file.h"
#include <string>
#include <vector>

namespace picollm {

/// The text around the messages of a dialog, or why there is no such text; the
/// sections of the same names of a tokenizer file.
struct ChatFormat {
  std::string refusal = "the model has no chat template; compile it with "
                        "--chat-template=FILE"; ///< empty: the rest is filled
  std::string systemRefusal;
  std::vector<picollm_chat_gap> gaps;
  std::string text;
  uint32_t flags = 0;
};

} // namespace picollm

#endif // PICOLLM_CHAT_CHATFORMAT_H
