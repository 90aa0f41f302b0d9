#include "Options.h"
#include "picollm.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

static const char *const examples = R"(
Examples:
  picollm-run smol "The capital of France is"
  picollm-run smol --chat "Explain tides to a child" --max-tokens=200
  echo "Once upon a time" | picollm-run smol --temperature=0.8 --seed=7
  picollm-run smol --chat --system="Answer in one sentence."
  picollm-run smol "1, 2, 3," --json --max-tokens=16 --top-choices=3 -j 2

DIR is a folder that picollm-compile made. The text goes to standard output as
it is generated; everything else goes to standard error. Ctrl-C ends the text.)";

/// "cpu:4" to 4 threads, "cpu" and "best" to the default.
static int32_t threadsOfDevice(const std::string &device) {
  if (device == "cpu" || device == "best")
    return 0;
  int32_t threads = 0;
  if (device.compare(0, 4, "cpu:") == 0) {
    const char *begin = device.data() + 4, *end = device.data() + device.size();
    const auto [rest, problem] = std::from_chars(begin, end, threads);
    if (problem == std::errc() && rest == end && threads > 0)
      return threads;
  }
  throw CLI::ValidationError(
      "--device", "must be best, cpu or cpu:N with N threads, not '" + device +
                      "'; other devices are not supported yet");
}

Options parseCommandLine(int argc, char **argv, std::optional<int> &status) {
  Options options;
  std::string device;
  CLI::App app("Runs a compiled language model: continues PROMPT, or answers "
               "it with --chat.",
               "picollm-run");
  app.footer(examples);
  app.set_version_flag("--version", picollm_version());
  app.add_option("DIR", options.directory, "folder of the compiled model")
      ->required();
  app.add_option("PROMPT", options.prompt,
                 "text to continue; without it, standard input is read");

  const std::string text = "What to generate";
  app.add_flag("--chat", options.chat,
               "put the prompt in the form in which the model takes part in a "
               "conversation; on a terminal without PROMPT, converse")
      ->group(text);
  app.add_option("--system", options.system,
                 "how the model should behave, with --chat")
      ->needs("--chat")
      ->group(text);
  app.add_option("--max-tokens,-n", options.maxTokens,
                 "end after so many tokens; 0: only where the model ends; "
                 "without it 256, in a conversation 0")
      ->group(text);
  app.add_option("--stop", options.stop, "end before this text; repeatable")
      ->expected(1)
      ->take_all()
      ->group(text);

  const std::string sampling = "How tokens are chosen";
  app.add_option("--temperature,-t", options.temperature,
                 "0: always the most probable token; 1: as the model says; "
                 "above: more varied")
      ->capture_default_str()
      ->group(sampling);
  app.add_option("--top-p", options.topP,
                 "only the most probable tokens that together reach this")
      ->capture_default_str()
      ->group(sampling);
  app.add_option("--top-k", options.topK,
                 "only so many most probable tokens; 0: all")
      ->capture_default_str()
      ->group(sampling);
  app.add_option("--presence-penalty", options.presencePenalty,
                 "lower what the text already holds by this; a logit")
      ->capture_default_str()
      ->group(sampling);
  app.add_option("--frequency-penalty", options.frequencyPenalty,
                 "the same, times how often the text holds it")
      ->capture_default_str()
      ->group(sampling);
  app.add_option("--seed", options.seed,
                 "with a temperature: another seed, another text")
      ->capture_default_str()
      ->group(sampling);

  const std::string machine = "How it runs";
  auto *threads =
      app.add_option("--threads,-j", options.threads,
                     "threads; without it, one per physical core; the text "
                     "does not depend on it")
          ->group(machine);
  app.add_option("--device", device, "best, cpu, or cpu:N with N threads")
      ->excludes(threads)
      ->group(machine);
  app.add_option("--context", options.context,
                 "positions of prompt and text together; without it, the "
                 "model's, at most 8192")
      ->group(machine);
  app.add_option("--load-session", options.loadSession,
                 "begin with what --save-session wrote")
      ->group(machine);
  app.add_option("--save-session", options.saveSession,
                 "write the context (tokens, keys, values) to a file at the "
                 "end")
      ->group(machine);
  app.add_flag("--huge-pages", options.hugePages,
               "read the weights into memory of their own, in huge pages: "
               "loads slower, writes some per cent faster (Linux)")
      ->group(machine);
  app.add_flag("--verify", options.verify,
               "check every byte of the weights before running")
      ->group(machine);

  const std::string output = "Output";
  auto *json =
      app.add_flag("--json", options.json,
                   "one JSON object at the end instead of the text as it comes")
          ->group(output);
  app.add_option("--top-choices", options.topChoices,
                 "with --json: every token with its log-probability and those "
                 "of so many most probable ones")
      ->needs(json)
      ->group(output);
  app.add_flag("--stats", options.stats,
               "tokens per second after each text, on standard error")
      ->group(output);

  try {
    app.parse(argc, argv);
    if (!device.empty())
      options.threads = threadsOfDevice(device);
    if (threads->count() > 0 && options.threads < 1)
      throw CLI::ValidationError("--threads",
                                 "must be at least 1, not " +
                                     std::to_string(options.threads));
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) {
      status = app.exit(error); // --help and --version
    } else {
      std::fprintf(stderr, "picollm-run: %s; --help lists all options\n",
                   error.what());
      status = 2;
    }
  }
  return options;
}
