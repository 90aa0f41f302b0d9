// The choice of the next token from its logits.
#ifndef PICOLLM_RUNTIME_SAMPLER_H
#define PICOLLM_RUNTIME_SAMPLER_H

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace picollm::runtime {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014): the state grows by a constant, a number is a hash of it.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// Uniform in [0, 1), a multiple of 2^-53.
  double nextUniform();

private:
  uint64_t state;
};

/// e^x for x <= 0, from operations that IEEE 754 rounds the same everywhere,
/// within 2 units in the last place; the C library's differ between systems.
double portableExp(double x);

struct SamplerOptions {
  double temperature = 0;      ///< 0: the most probable token
  double topP = 1;             ///< in (0, 1]
  int64_t topK = 0;            ///< 0: all tokens
  double presencePenalty = 0;  ///< off the logit of every counted token
  double frequencyPenalty = 0; ///< the same, times its count
  uint64_t seed = 0;
};

class Sampler {
public:
  explicit Sampler(const SamplerOptions &options)
      : options(options), random(options.seed) {}

  /// The next token; of equally probable ones the lower id counts as more
  /// probable. A logit that is not a number has no probability.
  int32_t pick(const float *logits, size_t vocabulary);

  /// The penalties are to count one more of this token.
  void count(int32_t token) { ++counts[token]; }

private:
  struct Candidate {
    double probability; ///< times a constant
    int32_t token;
  };
  /// The logits after the penalties.
  const float *penalised(const float *logits, size_t vocabulary);
  int32_t draw(double total);
  double keepMostProbable(double total);

  SamplerOptions options;
  Random random;
  std::vector<Candidate> candidates;
  std::unordered_map<int32_t, int64_t> counts;
  std::vector<float> changedLogits;
};

} // namespace picollm::runtime

#endif
