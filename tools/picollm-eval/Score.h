//===- Score.h - how well models predict texts ------------------*- C++ -*-===//

#ifndef PICOLLM_TOOLS_EVAL_SCORE_H
#define PICOLLM_TOOLS_EVAL_SCORE_H

#include "LanguageModel.h"

namespace picollm {

/// Tokens of a text that are run. The first half only gives context; the
/// predictions of the rest but its first token count: 513 .. 1023.
inline constexpr int64_t perplexityTokens = 1024;
inline constexpr int64_t perplexityContext = 512;

/// Over all predicted tokens of all texts.
struct Score {
  double perplexity = 0; ///< arithmetic mean of the texts' perplexities
  double perplexityGeometric = 0; ///< exp of the mean negative log-likelihood
  int64_t texts = 0;              ///< that were long enough
  int64_t tokens = 0;             ///< predicted
  /// Beside a reference: the mean Kullback-Leibler divergence of the model's
  /// predictions from it, in nats per token, and the share of the tokens for
  /// which both find the same one most probable.
  double divergence = 0, agreement = 0;
};

/// Scores several models on the texts of a folder in numeric order of their
/// names; texts of at most perplexityTokens tokens are skipped. Stops after
/// `limit` texts (0: all). With `compare`, the first model is the reference of
/// all; the logits of one text by it are kept in memory. Fails if no text is
/// long enough, or if a model splits a text into other tokens than the first.
llvm::Expected<std::vector<Score>>
scoreModels(llvm::ArrayRef<LanguageModel *> models, llvm::StringRef directory,
            int64_t limit, bool compare);

} // namespace picollm

#endif // PICOLLM_TOOLS_EVAL_SCORE_H
