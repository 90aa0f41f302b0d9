//===- VerifyFormat.h - a format beside its template ------------*- C++ -*-===//

#ifndef PICOLLM_CHAT_VERIFYFORMAT_H
#define PICOLLM_CHAT_VERIFYFORMAT_H

#include "picollm/Chat/ChatTemplate.h"

namespace picollm {

/// Renders dialogs that are not among the probes and compares with what the
/// runtime writes. Sets PICOLLM_CHAT_REFUSE_BLANK for the roles whose blank
/// messages come out otherwise; fails at any other difference.
llvm::Error verifyFormat(DialogRenderer render, ChatFormat &format);

} // namespace picollm

#endif // PICOLLM_CHAT_VERIFYFORMAT_H
