//===- Quote.cpp - text from files in messages ----------------------------===//

#include "picollm/Support/Quote.h"
#include "llvm/ADT/StringExtras.h"

std::string picollm::quote(llvm::StringRef text) {
  std::string result = "'";
  for (char c : text.take_front(80)) {
    if (llvm::isPrint(c))
      result += c;
    else
      result += {'\\', llvm::hexdigit(uint8_t(c) >> 4),
                 llvm::hexdigit(uint8_t(c) & 15)};
  }
  return result + (text.size() > 80 ? "...'" : "'");
}
