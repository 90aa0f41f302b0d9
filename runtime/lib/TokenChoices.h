// What the model thinks of its tokens, for those who want to see it.
#ifndef PICOLLM_RUNTIME_TOKENCHOICES_H
#define PICOLLM_RUNTIME_TOKENCHOICES_H

#include "picollm.h"

#include <vector>

namespace picollm::runtime {

/// Log-probabilities of the softmax of logits. A logit that is not a number
/// has no probability.
class TokenChoices {
public:
  /// Takes the logits, which the caller keeps while describe is used, and
  /// finds the `count` most probable tokens, or all where there are fewer.
  void rank(const float *newLogits, size_t newVocabulary, size_t count);

  picollm_token_choice describe(int32_t token) const;
  /// By falling probability, of equal ones the lower id first.
  const std::vector<picollm_token_choice> &top() const { return mostProbable; }

private:
  const float *logits = nullptr;
  double maximum = 0;          ///< of the logits
  double logOfSum = 0;         ///< of e^(logit - maximum) over all tokens
  std::vector<int32_t> ranked; ///< all tokens, the first ones in order
  std::vector<picollm_token_choice> mostProbable;
};

} // namespace picollm::runtime

#endif
