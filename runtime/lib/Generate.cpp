// From a prompt to text, token by token.
#include "Sampler.h"
#include "Session.h"
#include "TextStream.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

using namespace picollm::runtime;

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

static std::string shortNumber(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

static Failure checkOptions(const picollm_generate_options &options) {
  auto invalid = [](const std::string &message) {
    return Failure{PICOLLM_INVALID_ARGUMENT, message};
  };
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature))
    return invalid("temperature: must be a number from 0 up, not " +
                   shortNumber(options.temperature));
  if (!(options.top_p >= 0 && options.top_p <= 1))
    return invalid("top_p: must be above 0 and at most 1, not " +
                   shortNumber(options.top_p));
  if (options.max_tokens < 0)
    return invalid("max_tokens: must not be negative, not " +
                   std::to_string(options.max_tokens));
  if (options.top_k < 0)
    return invalid("top_k: must not be negative, not " +
                   std::to_string(options.top_k));
  if (options.stop_count > 0 && !options.stop)
    return invalid("stop: must not be null where stop_count is not 0");
  for (size_t i = 0; i < options.stop_count; ++i)
    if (!options.stop[i] || !*options.stop[i])
      return invalid("stop: string " + std::to_string(i) +
                     " is empty; leave it out");
  return success();
}

struct picollm_session::Completion {
  Completion(const picollm_generate_options &options, picollm_stream stream,
             void *user, picollm_generate_result &result)
      : options(options), stream(stream), user(user), result(result),
        sampler({options.temperature, options.top_p == 0 ? 1 : options.top_p,
                 options.top_k, options.seed}),
        text({options.stop, options.stop + options.stop_count}) {}

  /// Whether to go on.
  bool deliver(const std::string &part) {
    return !stream || stream(part.data(), part.size(), user) == 0;
  }

  const picollm_generate_options &options;
  picollm_stream stream;
  void *user;
  picollm_generate_result &result;
  Sampler sampler;
  TextStream text;
};

Failure picollm_session::preparePrompt(std::string_view prompt,
                                       bool parseSpecial,
                                       std::vector<int32_t> &tokens,
                                       picollm_generate_result &result) const {
  const picollm::Tokenizer *tokenizer = model.getTokenizer();
  if (!tokenizer)
    return {PICOLLM_INVALID_ARGUMENT,
            "the model was bound without a tokenizer, which text needs"};
  tokens = tokenizer->encode(prompt, parseSpecial);
  if (getPosition() == 0 && tokenizer->addBos() && tokenizer->bos() >= 0)
    tokens.insert(tokens.begin(), tokenizer->bos());
  const size_t room = size_t(context - getPosition());
  if (tokens.size() > room)
    return {PICOLLM_CONTEXT_FULL,
            "the prompt has " + std::to_string(tokens.size()) +
                " tokens, but " + std::to_string(room) + " of the context's " +
                std::to_string(context) +
                " positions are free; shorten it, reset the session or create "
                "one with a longer context"};
  result.prompt_tokens = int64_t(tokens.size());
  tokens.insert(tokens.begin(), pending.begin(), pending.end());
  if (tokens.empty())
    return {PICOLLM_INVALID_ARGUMENT, "the prompt is empty; give some text"};
  return checkTokens(tokens.data(), tokens.size());
}

Failure picollm_session::generate(std::string_view prompt,
                                  const picollm_generate_options &options,
                                  picollm_stream stream, void *user,
                                  picollm_generate_result &result) {
  result = {};
  if (Failure failure = checkOptions(options))
    return failure;
  const Clock::time_point start = Clock::now();
  std::vector<int32_t> tokens;
  if (Failure failure =
          preparePrompt(prompt, options.parse_special != 0, tokens, result))
    return failure;
  Completion completion(options, stream, user, result);
  pending.clear();
  // In parts, so that the caller can stop a long prompt.
  const size_t part = 64;
  for (size_t begin = 0; begin < tokens.size(); begin += part) {
    const size_t count = std::min(part, tokens.size() - begin);
    const bool last = begin + count == tokens.size();
    if (Failure failure = forward(tokens.data() + begin, count,
                                  last ? count - 1 : count, logits.data()))
      return failure;
    if (!completion.deliver({})) {
      result.end = PICOLLM_END_INTERRUPTED;
      result.prompt_seconds = secondsSince(start);
      return success();
    }
  }
  result.prompt_seconds = secondsSince(start);
  const Clock::time_point promptEnd = Clock::now();
  complete(completion);
  result.completion_seconds = secondsSince(promptEnd);
  return success();
}

void picollm_session::complete(Completion &completion) {
  const picollm::Tokenizer &tokenizer = *model.getTokenizer();
  const picollm_generate_options &options = completion.options;
  picollm_generate_result &result = completion.result;
  for (;;) {
    const int32_t token = completion.sampler.pick(logits.data(), logits.size());
    if (tokenizer.isEnd(token)) {
      result.end = PICOLLM_END_OF_TEXT;
      break;
    }
    ++result.completion_tokens;
    // Run only when something follows it; the last position's successor has
    // no room in the context.
    const bool full = position == context;
    if (!full)
      pending.push_back(token);
    if (!tokenizer.isControl(token))
      completion.text.append(tokenizer.piece(token));
    if (!completion.deliver(completion.text.take())) {
      result.end = PICOLLM_END_INTERRUPTED;
      return;
    }
    if (completion.text.isStopped()) {
      result.end = PICOLLM_END_STOP_STRING;
      return;
    }
    if (options.max_tokens > 0 &&
        result.completion_tokens == options.max_tokens) {
      result.end = PICOLLM_END_TOKEN_LIMIT;
      break;
    }
    if (full) {
      result.end = PICOLLM_END_CONTEXT_FULL;
      break;
    }
    pending.clear();
    runChunk(&token, 1, 0, logits.data());
  }
  const std::string rest = completion.text.takeRest();
  if (completion.text.isStopped())
    result.end = PICOLLM_END_STOP_STRING;
  if (!rest.empty())
    completion.deliver(rest);
}
