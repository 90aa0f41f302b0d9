//===- Regex.h - patterns of pre-tokenisers ---------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_TOKENIZER_REGEX_H
#define PICOLLM_LIB_TOKENIZER_REGEX_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <unicode/uniset.h>
#include <vector>

namespace picollm {

/// A parsed pattern.
struct RegexNode {
  enum class Kind {
    Set,         ///< one character of `set`
    Sequence,    ///< the children after each other; none: the empty text
    Alternation, ///< the first child that leads to a match of the whole
    Repeat,      ///< children[0] `min` to `max` times, as often as possible
    Lookahead,   ///< the next character is in `set`
    NoLookahead, ///< the next character is not in `set`, or there is none
  };
  static constexpr unsigned unlimited = ~0u;

  Kind kind = Kind::Sequence;
  icu::UnicodeSet set;
  unsigned min = 0, max = 0;
  std::vector<std::unique_ptr<RegexNode>> children;
};

/// Parses the part of the Oniguruma syntax that pre-tokenisers use: literals,
/// `[...]`, `\p{..}` `\P{..}` `\s` `\S` `\r` `\n` `\t`, `(...)` `(?:...)`
/// `(?i:...)`, `|`, the greedy `* + ? {n} {m,n}`, and lookahead of one
/// character `(?=x)` `(?!x)`. Letters under `(?i:` match all that Unicode folds
/// to the same letter (U+017F for s).
llvm::Expected<std::unique_ptr<RegexNode>> parseRegex(llvm::StringRef pattern);

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_REGEX_H
