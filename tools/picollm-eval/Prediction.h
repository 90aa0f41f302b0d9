//===- Prediction.h - what one row of logits says ---------------*- C++ -*-===//

#ifndef PICOLLM_TOOLS_EVAL_PREDICTION_H
#define PICOLLM_TOOLS_EVAL_PREDICTION_H

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace picollm {

struct Prediction {
  const float *logits;
  int64_t count;     ///< of the logits
  double logSum = 0; ///< log sum exp(logits)
  int64_t best = 0;  ///< the most probable token

  Prediction(const float *logits, int64_t count)
      : logits(logits), count(count) {
    best = std::max_element(logits, logits + count) - logits;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += std::exp(double(logits[i]) - logits[best]);
    logSum = std::log(sum) + logits[best];
  }

  /// Negative log-likelihood of a token, in nats.
  double loss(int32_t token) const { return logSum - logits[token]; }
};

/// sum p_i (log p_i - log q_i), in nats.
inline double divergence(const Prediction &p, const Prediction &q) {
  double sum = 0;
  for (int64_t i = 0; i < p.count; ++i) {
    double logP = p.logits[i] - p.logSum;
    sum += std::exp(logP) * (logP - (q.logits[i] - q.logSum));
  }
  return sum;
}

} // namespace picollm

#endif // PICOLLM_TOOLS_EVAL_PREDICTION_H
