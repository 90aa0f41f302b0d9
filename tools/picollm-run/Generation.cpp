#include "Generation.h"
#include "Interrupt.h"

#include <cstdio>
#include <iostream>

using nlohmann::ordered_json;

picollm_status openEngine(const Options &options, Engine &engine,
                          picollm_error &error) {
  picollm_model_options modelOptions = {};
  modelOptions.verify = options.verify;
  modelOptions.huge_pages = options.hugePages;
  picollm_model *model = nullptr;
  if (auto status = picollm_model_load(options.directory.c_str(), &modelOptions,
                                       &model, &error))
    return status;
  engine.model.reset(model);
  const picollm_session_options sessionOptions = {options.context,
                                                  options.threads};
  picollm_session *session = nullptr;
  if (auto status =
          picollm_session_create(model, &sessionOptions, &session, &error))
    return status;
  engine.session.reset(session);
  return options.loadSession.empty()
             ? PICOLLM_OK
             : picollm_session_load(session, options.loadSession.c_str(),
                                    &error);
}

std::vector<picollm_message> messagesOf(const Dialog &dialog) {
  std::vector<picollm_message> messages;
  for (const Message &message : dialog)
    messages.push_back(
        {message.role.c_str(), message.content.data(), message.content.size()});
  return messages;
}

namespace {

/// What the callbacks of a generation need.
struct Receiver {
  const picollm_model *model;
  Generation &generation;
};

} // namespace

static int receiveText(const char *text, size_t length, void *user) {
  Generation &generation = static_cast<Receiver *>(user)->generation;
  generation.text.append(text, length);
  if (generation.print && length > 0 &&
      (std::fwrite(text, 1, length, stdout) != length ||
       std::fflush(stdout) != 0))
    generation.broken = true;
  return CatchInterrupt::happened() || generation.broken;
}

static ordered_json choice(const picollm_model *model,
                           const picollm_token_choice &choice) {
  const char *bytes = "";
  size_t length = 0;
  picollm_token_bytes(model, choice.token, &bytes, &length, nullptr);
  return {{"token", choice.token},
          {"text", std::string(bytes, length)},
          {"log_probability", choice.log_probability}};
}

static int receiveToken(const picollm_token_result *token, void *user) {
  const auto &receiver = *static_cast<Receiver *>(user);
  ordered_json object = choice(receiver.model, token->chosen);
  object["top"] = ordered_json::array();
  for (size_t i = 0; i < token->top_count; ++i)
    object["top"].push_back(choice(receiver.model, token->top[i]));
  receiver.generation.tokens.push_back(std::move(object));
  return 0;
}

/// Runs `call(options, receiver)`, a function of the C API.
template <typename Call>
static picollm_status run(const Options &options, const Engine &engine,
                          bool isOnly, Generation &generation, Call call) {
  std::vector<const char *> stop;
  for (const std::string &text : options.stop)
    stop.push_back(text.c_str());
  Receiver receiver = {engine.model.get(), generation};
  picollm_generate_options generate = {};
  generate.max_tokens = options.maxTokens.value_or(isOnly ? 256 : 0);
  generate.temperature = options.temperature;
  generate.top_p = options.topP;
  generate.top_k = options.topK;
  generate.presence_penalty = options.presencePenalty;
  generate.frequency_penalty = options.frequencyPenalty;
  generate.seed = options.seed;
  generate.parse_special = 1;
  generate.stop = stop.data();
  generate.stop_count = stop.size();
  if (options.topChoices) {
    generate.top_choices = *options.topChoices;
    generate.on_token = receiveToken;
    generate.on_token_user = &receiver;
  }
  CatchInterrupt interrupt(isOnly ? CatchInterrupt::EndsText
                                  : CatchInterrupt::KeepsText,
                           engine.session.get());
  const picollm_status status = call(generate, &receiver);
  generation.interrupted = CatchInterrupt::happened();
  return status;
}

picollm_status generate(const Options &options, const Engine &engine,
                        const std::string &prompt, bool isOnly,
                        Generation &generation, picollm_error &error) {
  return run(options, engine, isOnly, generation,
             [&](const picollm_generate_options &generate, void *user) {
               return picollm_generate(engine.session.get(), prompt.data(),
                                       prompt.size(), &generate, receiveText,
                                       user, &generation.result, &error);
             });
}

picollm_status generate(const Options &options, const Engine &engine,
                        const Dialog &dialog, bool isOnly,
                        Generation &generation, picollm_error &error) {
  const std::vector<picollm_message> messages = messagesOf(dialog);
  return run(options, engine, isOnly, generation,
             [&](const picollm_generate_options &generate, void *user) {
               return picollm_chat(engine.session.get(), messages.data(),
                                   messages.size(), &generate, receiveText,
                                   user, &generation.result, &error);
             });
}

static double rate(int64_t tokens, double seconds) {
  return tokens > 0 && seconds > 0 ? double(tokens) / seconds : 0;
}

/// What was computed of the prompt.
static double promptRate(const picollm_generate_result &result) {
  return rate(result.prompt_tokens - result.reused_tokens,
              result.prompt_seconds);
}

/// The first token comes with the prompt; the one that ends a text counts.
static double completionRate(const picollm_generate_result &result) {
  return rate(result.completion_tokens - (result.end != PICOLLM_END_OF_TEXT),
              result.completion_seconds);
}

void printStats(const Engine &engine, const Generation &generation) {
  const picollm_generate_result &result = generation.result;
  std::fprintf(
      stderr,
      "prompt: %lld tokens (%lld of them kept) in %.2f s (%.1f tokens/s); "
      "text: %lld tokens in %.2f s (%.1f tokens/s), %s; %d threads\n",
      (long long)result.prompt_tokens, (long long)result.reused_tokens,
      result.prompt_seconds, promptRate(result),
      (long long)result.completion_tokens, result.completion_seconds,
      completionRate(result), picollm_end_string(result.end),
      picollm_session_threads(engine.session.get()));
}

void printJson(const Options &options, const Engine &engine,
               const Generation &generation) {
  const picollm_generate_result &result = generation.result;
  ordered_json object = {
      {"model", picollm_model_name(engine.model.get())},
      {"text", generation.text},
      {"end", picollm_end_string(result.end)},
      {"prompt_tokens", result.prompt_tokens},
      {"reused_tokens", result.reused_tokens},
      {"completion_tokens", result.completion_tokens},
      {"prompt_seconds", result.prompt_seconds},
      {"completion_seconds", result.completion_seconds},
      {"prefill_tokens_per_second", promptRate(result)},
      {"decode_tokens_per_second", completionRate(result)},
      {"threads", picollm_session_threads(engine.session.get())}};
  if (result.end == PICOLLM_END_STOP_STRING && result.stop_index >= 0)
    object["stop"] = options.stop[size_t(result.stop_index)];
  if (options.topChoices)
    object["tokens"] = generation.tokens;
  // Tokens may be parts of characters.
  std::cout << object.dump(2, ' ', false,
                           ordered_json::error_handler_t::replace)
            << std::endl;
}
