//===- SelfGeneration.cpp - calibration texts by the model itself ---------===//

#include "SelfGeneration.h"

#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

using namespace picollm;
using llvm::Expected;

/// Uniform in [0, 1), the same on every platform (the distributions of <random>
/// are not).
static double uniform(std::mt19937_64 &generator) {
  return (generator() >> 11) * 0x1p-53;
}

/// A token drawn from softmax(logits).
static int32_t sample(const float *logits, int64_t count,
                      std::mt19937_64 &generator) {
  float top = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i] - top));
  double rest = uniform(generator) * sum;
  for (int64_t i = 0; i < count; ++i) {
    rest -= std::exp(double(logits[i] - top));
    if (rest < 0)
      return i;
  }
  return count - 1;
}

// Texts that are written side by side: their keys and values are all in memory.
static constexpr int64_t batch = 18;

Expected<TokenSequences>
picollm::selfGenerateTexts(ReferenceModel &model,
                           const SelfGenerationOptions &options) {
  int64_t length = std::min(options.tokens, model.context());
  TokenSequences texts(options.texts);
  std::vector<std::mt19937_64> generators;
  for (int64_t i = 0; i < options.texts; ++i) {
    // A generator each, so that a text does not depend on how many there are.
    generators.emplace_back(options.seed * 0x9e3779b97f4a7c15 + i);
    int32_t random = uniform(generators[i]) * model.vocabulary();
    texts[i].push_back(options.begin.value_or(random));
  }
  Progress progress("write text", options.texts * length, "tokens");
  for (int64_t first = 0; first < options.texts; first += batch) {
    const int64_t count = std::min(batch, options.texts - first);
    std::vector<Sequence> sequences(count);
    for (int64_t position = 1; position < length; ++position) {
      std::vector<Feed> feeds;
      for (int64_t i = 0; i < count; ++i)
        feeds.push_back(
            {&sequences[i], llvm::ArrayRef(texts[first + i]).take_back()});
      Expected<Matrix> logits = model.forward(feeds);
      if (!logits)
        return logits.takeError();
      parallelFor(count, [&](int64_t i) {
        texts[first + i].push_back(
            sample(logits->row(i), logits->columns, generators[first + i]));
      });
      progress.update(first * length + count * (position + 1));
    }
  }
  return texts;
}

/// The first `tokens` of each text, and how long that took.
static Expected<WritingEstimate> writeTimed(ReferenceModel &model,
                                            SelfGenerationOptions options,
                                            int64_t tokens) {
  using Clock = std::chrono::steady_clock;
  options.tokens = std::min(options.tokens, tokens);
  const Clock::time_point start = Clock::now();
  Expected<TokenSequences> texts = selfGenerateTexts(model, options);
  if (!texts)
    return texts.takeError();
  const std::chrono::duration<double> time = Clock::now() - start;
  return WritingEstimate{time.count(), std::move(*texts)};
}

Expected<WritingEstimate>
picollm::measureSelfGeneration(ReferenceModel &model,
                               const SelfGenerationOptions &options) {
  const int64_t length = std::min(options.tokens, model.context());
  SelfGenerationOptions few = options;
  few.texts = std::min(options.texts, batch);
  // The first tokens read the weights for the first time.
  Expected<WritingEstimate> first = writeTimed(model, few, 2);
  if (!first)
    return first.takeError();
  Expected<WritingEstimate> begun = writeTimed(model, few, 6);
  if (!begun)
    return begun.takeError();
  WritingEstimate result;
  const int64_t batches = (options.texts + batch - 1) / batch;
  const int64_t measured = std::max<int64_t>(begun->texts[0].size() - 1, 1);
  result.seconds = first->seconds + double(batches * (length - 1)) *
                                        begun->seconds / double(measured);
  std::mt19937_64 generator(options.seed);
  for (int64_t i = 0; i < options.texts; ++i) {
    std::vector<int32_t> &text =
        result.texts.emplace_back(begun->texts[i % few.texts]);
    while (int64_t(text.size()) < length)
      text.push_back(uniform(generator) * model.vocabulary());
  }
  return result;
}
