#include "Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace picollm::runtime {

uint64_t Random::next() {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::nextUniform() { return double(next() >> 11) * 0x1p-53; }

double portableExp(double x) {
  if (!(x > -745.0))
    return 0;
  // x = k ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, of which the first
  // has so few bits that k times it is exact.
  const double k = std::floor(x * 1.4426950408889634 + 0.5);
  const double r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
  // Taylor: the first omitted term is below 2^-57.
  double sum = 1;
  for (int n = 13; n >= 1; --n)
    sum = 1 + sum * r / n;
  return std::ldexp(sum, int(k));
}

static int32_t mostProbable(const float *logits, size_t vocabulary) {
  size_t best = 0;
  float bestLogit = -HUGE_VALF;
  for (size_t i = 0; i < vocabulary; ++i) {
    if (logits[i] > bestLogit) {
      bestLogit = logits[i];
      best = i;
    }
  }
  return int32_t(best);
}

/// Removes all but the most probable candidates, and sorts these. Returns the
/// sum of their probabilities.
double Sampler::keepMostProbable(double total) {
  auto lessProbable = [](const Candidate &a, const Candidate &b) {
    return a.probability != b.probability ? a.probability < b.probability
                                          : a.token > b.token;
  };
  // Few are kept of many: a heap hands them out in order, without a full sort.
  auto heapEnd = candidates.end();
  std::make_heap(candidates.begin(), heapEnd, lessProbable);
  const size_t most = options.topK > 0
                          ? std::min(size_t(options.topK), candidates.size())
                          : candidates.size();
  size_t kept = 0;
  double sum = 0;
  while (kept < most && (options.topK > 0 || sum < options.topP * total)) {
    std::pop_heap(candidates.begin(), heapEnd, lessProbable);
    --heapEnd;
    sum += heapEnd->probability;
    ++kept;
  }
  std::reverse(heapEnd, candidates.end());
  candidates.erase(candidates.begin(), heapEnd);
  if (options.topK == 0)
    return sum;
  // top_p applies to what top_k has left.
  double partial = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    partial += candidates[i].probability;
    if (partial >= options.topP * sum) {
      candidates.resize(i + 1);
      break;
    }
  }
  return partial;
}

int32_t Sampler::draw(double total) {
  const double target = random.nextUniform() * total;
  double sum = 0;
  for (const Candidate &candidate : candidates) {
    sum += candidate.probability;
    if (sum > target)
      return candidate.token;
  }
  return candidates.back().token;
}

const float *Sampler::penalised(const float *logits, size_t vocabulary) {
  if (counts.empty() ||
      (options.presencePenalty == 0 && options.frequencyPenalty == 0))
    return logits;
  changedLogits.assign(logits, logits + vocabulary);
  for (const auto &[token, count] : counts) {
    const double penalty =
        options.presencePenalty + options.frequencyPenalty * double(count);
    // Beyond the largest float the conversion is not defined.
    const double limit = std::numeric_limits<float>::max();
    const double logit = double(logits[token]) - penalty;
    if (std::isfinite(logits[token]))
      changedLogits[size_t(token)] = float(std::clamp(logit, -limit, limit));
  }
  return changedLogits.data();
}

int32_t Sampler::pick(const float *modelLogits, size_t vocabulary) {
  const float *logits = penalised(modelLogits, vocabulary);
  const int32_t best = mostProbable(logits, vocabulary);
  const double bestLogit = logits[best];
  if (options.temperature == 0 || !std::isfinite(bestLogit))
    return best;
  candidates.clear();
  double total = 0;
  for (size_t i = 0; i < vocabulary; ++i) {
    const double distance = double(logits[i]) - bestLogit;
    const double probability = portableExp(distance / options.temperature);
    if (probability > 0) {
      candidates.push_back({probability, int32_t(i)});
      total += probability;
    }
  }
  if (options.topK > 0 || options.topP < 1)
    total = keepMostProbable(total);
  return draw(total);
}

} // namespace picollm::runtime
