//===- Quote.h - text from files in messages --------------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_QUOTE_H
#define PICOLLM_SUPPORT_QUOTE_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace picollm {

/// `text` in single quotes, fit for a terminal: what is not printable ASCII is
/// escaped, what is over 80 bytes cut. Whatever a file says goes through this.
std::string quote(llvm::StringRef text);

} // namespace picollm

#endif // PICOLLM_SUPPORT_QUOTE_H
