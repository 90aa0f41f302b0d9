//===- Perplexity.h - the perplexity protocol -------------------*- C++ -*-===//

#ifndef PICOLLM_TOOLS_EVAL_PERPLEXITY_H
#define PICOLLM_TOOLS_EVAL_PERPLEXITY_H

#include "LanguageModel.h"

namespace picollm {

/// Tokens of a text that are run. The first half only gives context; the
/// predictions of the rest but its first token count: 513 .. 1023.
inline constexpr int64_t perplexityTokens = 1024;
inline constexpr int64_t perplexityContext = 512;

struct Perplexity {
  double arithmetic = 0; ///< mean of the texts' perplexities
  double geometric = 0;  ///< exp of the mean negative log-likelihood of all
  int64_t texts = 0;     ///< that were long enough
  int64_t tokens = 0;    ///< predicted
};

/// Over the texts of a folder in numeric order of their names; texts of at most
/// perplexityTokens tokens are skipped. Stops after `limit` texts (0: all).
/// Fails if no text is long enough.
llvm::Expected<Perplexity> measurePerplexity(LanguageModel &model,
                                             llvm::StringRef directory,
                                             int64_t limit);

} // namespace picollm

#endif // PICOLLM_TOOLS_EVAL_PERPLEXITY_H
