// picollm-run: a compiled model continues a text.
#include "ChatPrompt.h"
#include "Options.h"
#include "picollm.h"

#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#ifdef _WIN32
#include <io.h>
static bool inputIsTerminal() { return _isatty(_fileno(stdin)); }
#else
#include <unistd.h>
static bool inputIsTerminal() { return isatty(STDIN_FILENO); }
#endif

static volatile std::sig_atomic_t interrupted = 0;

/// The first Ctrl-C ends the text, a second one the program.
static void onInterrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

static int fail(const std::string &message) {
  std::fprintf(stderr, "picollm-run: %s\n", message.c_str());
  return 1;
}

namespace {

struct Freed {
  void operator()(picollm_model *model) const { picollm_model_free(model); }
  void operator()(picollm_session *session) const {
    picollm_session_free(session);
  }
};

/// A loaded model and its session.
struct Engine {
  std::unique_ptr<picollm_model, Freed> model;
  std::unique_ptr<picollm_session, Freed> session; ///< ends before the model
};

/// What the stream callback needs.
struct Output {
  bool collect; ///< into text, instead of printing it
  std::string text;
  bool broken = false; ///< nobody reads any more
};

} // namespace

static picollm_status open(const Options &options, Engine &engine,
                           picollm_error &error) {
  picollm_model_options modelOptions = {};
  modelOptions.verify = options.verify;
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
  return PICOLLM_OK;
}

static int receive(const char *text, size_t length, void *user) {
  auto &output = *static_cast<Output *>(user);
  if (output.collect)
    output.text.append(text, length);
  else if (length > 0 && (std::fwrite(text, 1, length, stdout) != length ||
                          std::fflush(stdout) != 0))
    output.broken = true;
  return interrupted || output.broken;
}

static picollm_status generate(const Options &options, Engine &engine,
                               const std::string &prompt, Output &output,
                               picollm_generate_result &result,
                               picollm_error &error) {
  std::vector<const char *> stop;
  for (const std::string &text : options.stop)
    stop.push_back(text.c_str());
  picollm_generate_options generateOptions = {};
  generateOptions.max_tokens = options.maxTokens;
  generateOptions.temperature = options.temperature;
  generateOptions.top_p = options.topP;
  generateOptions.top_k = options.topK;
  generateOptions.seed = options.seed;
  generateOptions.parse_special = 1;
  generateOptions.stop = stop.data();
  generateOptions.stop_count = stop.size();
  // Only now: elsewhere Ctrl-C ends the program as usual.
  interrupted = 0;
  std::signal(SIGINT, onInterrupt);
  const picollm_status status =
      picollm_generate(engine.session.get(), prompt.data(), prompt.size(),
                       &generateOptions, receive, &output, &result, &error);
  std::signal(SIGINT, SIG_DFL);
  return status;
}

static double rate(int64_t tokens, double seconds) {
  return tokens > 0 && seconds > 0 ? double(tokens) / seconds : 0;
}

/// The first token comes with the prompt; the one that ends a text counts.
static double completionRate(const picollm_generate_result &result) {
  return rate(result.completion_tokens - (result.end != PICOLLM_END_OF_TEXT),
              result.completion_seconds);
}

static void printStats(const Engine &engine,
                       const picollm_generate_result &result) {
  std::fprintf(stderr,
               "prompt: %lld tokens in %.2f s (%.1f tokens/s); text: %lld "
               "tokens in %.2f s (%.1f tokens/s), %s; %d threads\n",
               (long long)result.prompt_tokens, result.prompt_seconds,
               rate(result.prompt_tokens, result.prompt_seconds),
               (long long)result.completion_tokens, result.completion_seconds,
               completionRate(result), picollm_end_string(result.end),
               picollm_session_threads(engine.session.get()));
}

static void printJson(const Engine &engine, const Output &output,
                      const picollm_generate_result &result) {
  const nlohmann::ordered_json object = {
      {"model", picollm_model_name(engine.model.get())},
      {"text", output.text},
      {"end", picollm_end_string(result.end)},
      {"prompt_tokens", result.prompt_tokens},
      {"completion_tokens", result.completion_tokens},
      {"prompt_seconds", result.prompt_seconds},
      {"completion_seconds", result.completion_seconds},
      {"prefill_tokens_per_second",
       rate(result.prompt_tokens, result.prompt_seconds)},
      {"decode_tokens_per_second", completionRate(result)},
      {"threads", picollm_session_threads(engine.session.get())}};
  std::cout << object.dump(2) << std::endl;
}

/// One prompt, one text. Returns the exit status.
static int answer(const Options &options, Engine &engine,
                  const std::string &prompt) {
  Output output = {options.json, {}};
  picollm_generate_result result = {};
  picollm_error error;
  if (generate(options, engine, prompt, output, result, error))
    return fail(error.message);
  if (options.json)
    printJson(engine, output, result);
  else if (!output.broken)
    std::cout << std::endl;
  if (options.stats)
    printStats(engine, result);
  if (output.broken)
    return fail("standard output cannot be written");
  return interrupted ? 130 : 0; // as a shell reports SIGINT
}

/// Lines of the user and answers in turn until the input ends.
static int converse(const Options &options, Engine &engine,
                    const ChatFormat &format) {
  std::fprintf(stderr,
               "A conversation with %s. Ctrl-C ends an answer, Ctrl-D "
               "the conversation.\n",
               picollm_model_name(engine.model.get()));
  std::string line;
  for (;;) {
    std::fprintf(stderr, "> ");
    if (!std::getline(std::cin, line))
      break;
    if (line.empty())
      continue;
    const bool first = picollm_session_position(engine.session.get()) == 0;
    const int status =
        answer(options, engine, format.turn(options.system, line, first));
    if (status != 0 && status != 130)
      return status;
  }
  std::fprintf(stderr, "\n");
  return 0;
}

static std::string readInput() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  // The newline that echo and editors end a file with is not meant.
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

int main(int argc, char **argv) {
  std::optional<int> status;
  const Options options = parseCommandLine(argc, argv, status);
  if (status)
    return *status;
  const bool conversation =
      options.chat && !options.prompt && !options.json && inputIsTerminal();
  if (!options.prompt && !conversation && inputIsTerminal())
    return fail("no prompt: give it after the folder, in quotes, or through "
                "standard input");
  picollm_error error;
  Engine engine;
  if (open(options, engine, error))
    return fail(error.message);
  std::optional<ChatFormat> format;
  if (options.chat) {
    size_t length = 0;
    const char *jinja = picollm_chat_template(engine.model.get(), &length);
    format = chatFormat({jinja, length});
    if (!format)
      return fail(options.directory +
                  ": its chat template is missing or of an unknown form; run "
                  "it without --chat");
  }
  if (conversation)
    return converse(options, engine, *format);
  std::string prompt = options.prompt ? *options.prompt : readInput();
  if (format)
    prompt = format->turn(options.system, prompt, true);
  return answer(options, engine, prompt);
}
