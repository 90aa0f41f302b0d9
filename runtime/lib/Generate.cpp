// From a prompt to text, token by token.
#include "CApi.h"
#include "Sampler.h"
#include "TextStream.h"
#include "TokenChoices.h"

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

static Failure invalid(const std::string &message) {
  return {PICOLLM_INVALID_ARGUMENT, message};
}

static Failure checkStopStrings(const picollm_generate_options &options) {
  if (options.stop_count > PICOLLM_MAX_STOP_STRINGS)
    return invalid("stop_count: must be at most " +
                   std::to_string(PICOLLM_MAX_STOP_STRINGS) + ", not " +
                   std::to_string(options.stop_count));
  if (options.stop_count > 0 && !options.stop)
    return invalid("stop: must not be null where stop_count is not 0");
  for (size_t i = 0; i < options.stop_count; ++i)
    if (!options.stop[i] || !*options.stop[i])
      return invalid("stop: string " + std::to_string(i) +
                     " is empty; leave it out");
  return success();
}

static Failure checkOptions(const picollm_generate_options &options) {
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
  if (!std::isfinite(options.presence_penalty))
    return invalid("presence_penalty: must be a finite number, not " +
                   shortNumber(options.presence_penalty));
  if (!std::isfinite(options.frequency_penalty))
    return invalid("frequency_penalty: must be a finite number, not " +
                   shortNumber(options.frequency_penalty));
  if (options.top_choices < 0 || options.top_choices > PICOLLM_MAX_TOP_CHOICES)
    return invalid("top_choices: must be between 0 and " +
                   std::to_string(PICOLLM_MAX_TOP_CHOICES) + ", not " +
                   std::to_string(options.top_choices));
  return checkStopStrings(options);
}

static SamplerOptions
makeSamplerOptions(const picollm_generate_options &options) {
  SamplerOptions sampler;
  sampler.temperature = options.temperature;
  sampler.topP = options.top_p == 0 ? 1 : options.top_p;
  sampler.topK = options.top_k;
  sampler.presencePenalty = options.presence_penalty;
  sampler.frequencyPenalty = options.frequency_penalty;
  sampler.seed = options.seed;
  return sampler;
}

struct picollm_session::Completion {
  Completion(const picollm_generate_options &options, picollm_stream stream,
             void *user, picollm_generate_result &result)
      : options(options), stream(stream), user(user), result(result),
        sampler(makeSamplerOptions(options)),
        text({options.stop, options.stop + options.stop_count},
             options.keep_stop != 0) {}

  /// Whether to go on.
  bool deliver(const std::string &part) {
    return !stream || stream(part.data(), part.size(), user) == 0;
  }

  /// Whether to go on. `logits` are those that the token was picked from.
  bool announce(int32_t token, const std::vector<float> &logits) {
    if (!options.on_token)
      return true;
    choices.rank(logits.data(), logits.size(), size_t(options.top_choices));
    picollm_token_result announced = {};
    announced.chosen = choices.describe(token);
    announced.top = choices.top().empty() ? nullptr : choices.top().data();
    announced.top_count = choices.top().size();
    return options.on_token(&announced, options.on_token_user) == 0;
  }

  const picollm_generate_options &options;
  picollm_stream stream;
  void *user;
  picollm_generate_result &result;
  Sampler sampler;
  TextStream text;
  TokenChoices choices;
};

Failure picollm_session::placePrompt(const std::vector<int32_t> &prompt,
                                     bool fromStart,
                                     picollm_generate_result &result) {
  if (Failure failure = checkTokens(prompt.data(), prompt.size()))
    return failure;
  const size_t kept = fromStart ? 0 : tokens.size();
  const size_t room = size_t(context) - kept;
  if (prompt.size() > room)
    return {PICOLLM_CONTEXT_FULL,
            "the prompt has " + std::to_string(prompt.size()) +
                " tokens, but " + std::to_string(room) + " of the context's " +
                std::to_string(context) + " positions are free; shorten it" +
                (kept ? ", reset the session or create one"
                      : " or create a session") +
                " with a longer context"};
  if (kept + prompt.size() == 0)
    return invalid("the prompt is empty; give some text");
  if (fromStart) {
    const auto known = tokens.begin() + cached;
    cached = std::mismatch(tokens.begin(), known, prompt.begin(), prompt.end())
                 .first -
             tokens.begin();
  }
  tokens.resize(kept);
  tokens.insert(tokens.end(), prompt.begin(), prompt.end());
  // The last token is run in any case: its logits are wanted.
  cached = std::min(cached, getPosition() - 1);
  result.prompt_tokens = int64_t(prompt.size());
  result.reused_tokens = fromStart ? cached : 0;
  return success();
}

bool picollm_session::runPrompt(Completion &completion) {
  // In parts, so that the caller can stop a long prompt.
  const Call call = {getPosition() - cached, 1};
  while (cached < getPosition()) {
    bool goesOn = !isInterrupted();
    if (goesOn) {
      const int64_t count = std::min(chunkTokens, getPosition() - cached);
      const bool last = cached + count == getPosition();
      runChunk(call, count, last ? count - 1 : count, logits.data());
      goesOn = completion.deliver({});
    }
    if (!goesOn) {
      completion.result.end = PICOLLM_END_INTERRUPTED;
      tokens.resize(size_t(cached));
      return false;
    }
  }
  return true;
}

Failure picollm_session::generateTokens(std::vector<int32_t> promptTokens,
                                        const picollm_generate_options &options,
                                        picollm_stream stream, void *user,
                                        picollm_generate_result &result) {
  result = {};
  result.stop_index = -1;
  if (!model.getTokenizer())
    return withoutTokenizer();
  if (Failure failure = checkOptions(options))
    return failure;
  const Clock::time_point start = Clock::now();
  Completion completion(options, stream, user, result);
  if (Failure failure =
          placePrompt(promptTokens, options.from_start != 0, result))
    return failure;
  const bool promptIsRun = runPrompt(completion);
  result.prompt_seconds = secondsSince(start);
  if (!promptIsRun)
    return success();
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
    if (isInterrupted()) {
      result.end = PICOLLM_END_INTERRUPTED;
      break;
    }
    const int32_t token = completion.sampler.pick(logits.data(), logits.size());
    const bool goesOn = completion.announce(token, logits);
    if (tokenizer.isEnd(token)) {
      result.end = PICOLLM_END_OF_TEXT;
      if (!goesOn)
        return;
      break;
    }
    ++result.completion_tokens;
    // Run only when something follows it; the last position's successor has
    // no room in the context.
    const bool full = getPosition() == context;
    if (!full)
      tokens.push_back(token);
    if (!tokenizer.isControl(token))
      completion.text.append(tokenizer.piece(token));
    if (!goesOn || !completion.deliver(completion.text.take())) {
      result.end = PICOLLM_END_INTERRUPTED;
      return;
    }
    if (completion.text.isStopped())
      break;
    if (options.max_tokens > 0 &&
        result.completion_tokens == options.max_tokens) {
      result.end = PICOLLM_END_TOKEN_LIMIT;
      break;
    }
    if (full) {
      result.end = PICOLLM_END_CONTEXT_FULL;
      break;
    }
    runChunk({1, 1}, 1, 0, logits.data());
    completion.sampler.count(token);
  }
  const std::string rest = completion.text.takeRest();
  if (completion.text.isStopped()) {
    result.end = PICOLLM_END_STOP_STRING;
    result.stop_index = int64_t(completion.text.getStopIndex());
  }
  if (!rest.empty())
    completion.deliver(rest);
}
