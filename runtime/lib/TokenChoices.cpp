#include "TokenChoices.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace picollm::runtime {

/// The distance of two infinities of one sign is 0.
static double distanceBelow(double maximum, float logit) {
  return double(logit) == maximum ? 0 : double(logit) - maximum;
}

void TokenChoices::rank(const float *newLogits, size_t newVocabulary,
                        size_t count) {
  logits = newLogits;
  maximum = -HUGE_VAL;
  for (size_t i = 0; i < newVocabulary; ++i)
    if (logits[i] > maximum)
      maximum = logits[i];
  double sum = 0;
  for (size_t i = 0; i < newVocabulary; ++i)
    if (!std::isnan(logits[i]))
      sum += std::exp(distanceBelow(maximum, logits[i]));
  logOfSum = std::log(sum);

  mostProbable.clear();
  count = std::min(count, newVocabulary);
  if (count == 0)
    return;
  ranked.resize(newVocabulary);
  std::iota(ranked.begin(), ranked.end(), 0);
  // What is not a number comes last.
  auto moreProbable = [this](int32_t a, int32_t b) {
    const bool aCounts = !std::isnan(logits[a]),
               bCounts = !std::isnan(logits[b]);
    if (aCounts != bCounts)
      return aCounts;
    if (aCounts && logits[a] != logits[b])
      return logits[a] > logits[b];
    return a < b;
  };
  std::partial_sort(ranked.begin(), ranked.begin() + std::ptrdiff_t(count),
                    ranked.end(), moreProbable);
  for (size_t i = 0; i < count; ++i)
    mostProbable.push_back(describe(ranked[i]));
}

picollm_token_choice TokenChoices::describe(int32_t token) const {
  const float logit = logits[token];
  if (std::isnan(logit))
    return {token, -HUGE_VALF};
  return {token, float(distanceBelow(maximum, logit) - logOfSum)};
}

} // namespace picollm::runtime
