//===- Quote.h - bytes of a file inside a message ---------------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_QUOTE_H
#define PICOLLM_LIB_IMPORT_QUOTE_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace picollm {

/// `text` in single quotes, unprintable bytes escaped, cut after 80 bytes, so
/// that a broken file cannot garble a terminal.
std::string quote(llvm::StringRef text);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_QUOTE_H
