//===- Require.h - what a fuzz target checks --------------------*- C++ -*-===//

#ifndef PICOLLM_TEST_FUZZ_REQUIRE_H
#define PICOLLM_TEST_FUZZ_REQUIRE_H

#include "llvm/Support/Error.h"
#include <cstdio>
#include <cstdlib>
#include <string>

namespace picollm {

/// Ends the run, which keeps the input, unless `condition` holds.
inline void require(bool condition, const char *found) {
  if (condition)
    return;
  std::fprintf(stderr, "fuzz target found: %s\n", found);
  std::abort();
}

/// An error must say something, on one line: it goes to a terminal.
inline void requireSentence(const std::string &message) {
  require(!message.empty(), "an error without a message");
  require(message.find('\n') == std::string::npos, "an error of two lines");
}
inline void requireSentence(llvm::Error error) {
  requireSentence(llvm::toString(std::move(error)));
}

} // namespace picollm

#endif // PICOLLM_TEST_FUZZ_REQUIRE_H
