// picollm-bench: how fast a compiled model runs here, and how near that is to
// the speed of the memory.
#include "Speed.h"
#include "Tune.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

static const char *const explanation = R"(
Each repetition measures the prompt (many tokens at once), the generation (one
token at a time) and, between them, how fast as many threads read memory; the
medians are reported. bandwidth_share is the bytes of weights that generation
reads per second over the bytes per second that the memory gave: a token needs
every weight once, so 1 is the limit of a model that no cache holds.
bytes_per_token is the weight file without its header. (An embedding that is
not also the head is read by rows, so the true figure is then lower.) With
--json on x86-64, byte_products_per_second says how many products of bytes the
processor adds to sums right after the prompt, in the same repetitions, by the
best instruction that the model uses: the limit of prompts.

--batch=N,... also feeds the same tokens in calls of N, as speculative decoding
does, and reports how many times as long as for one token such a call takes.
--sessions=N,... does the same for one token to each of N sessions at once, as a
server of several users does.

--tune=FILE looks for the layout of kernels that is fastest on this machine, by
compiling a compressed model (picollm-compile -o NAME.picollm) again and again
and running it in turn with the best one so far, and writes it for
picollm-compile --schedule=FILE. Results of a model do not depend on it.

Examples:
  picollm-bench smol --prompt=256 --generate=64 --threads=1,2 --json
  picollm-bench smol --batch=2,4,8 --sessions=4
  picollm-bench smol.picollm --tune=this-cpu.json)";

namespace {

struct Options {
  std::string directory;
  SpeedOptions speed;
  std::vector<int32_t> threads;
  std::string tune, compiler;
  bool hugePages = false;
  bool json = false;
};

} // namespace

static int fail(const std::string &message) {
  std::fprintf(stderr, "picollm-bench: %s\n", message.c_str());
  return 1;
}

static void print(const picollm_model *model, const Options &options,
                  double loadSeconds, const std::vector<Speed> &speeds) {
  if (options.json) {
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const Speed &speed : speeds) {
      const auto ratios = [](const char *unit,
                             const std::vector<int64_t> &counts,
                             const std::vector<double> &timesOne) {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (size_t i = 0; i < counts.size(); ++i)
          list.push_back({{unit, counts[i]}, {"times_one", timesOne[i]}});
        return list;
      };
      results.push_back(
          {{"threads", speed.threads},
           {"prefill_tokens_per_second", speed.prefillTokensPerSecond},
           {"decode_tokens_per_second", speed.decodeTokensPerSecond},
           {"bytes_per_token", bytesPerToken(model)},
           {"read_bytes_per_second", speed.readBytesPerSecond},
           {"bandwidth_share", speed.bandwidthShare},
           {"batches",
            ratios("tokens", options.speed.batches, speed.batchRatios)},
           {"sessions",
            ratios("sessions", options.speed.sessions, speed.sessionRatios)}});
      if (speed.byteProductsPerSecond)
        results.back()["byte_products_per_second"] =
            speed.byteProductsPerSecond;
    }
    const nlohmann::ordered_json object = {
        {"model", picollm_model_name(model)},
        {"cpu_features", picollm_model_cpu_features(model)},
        {"load_seconds", loadSeconds},
        {"prompt", options.speed.prompt},
        {"generate", options.speed.generate},
        {"results", results}};
    std::printf("%s\n", object.dump(2).c_str());
    return;
  }
  std::printf(
      "%s: %.1f MB of weights per token, loaded in %.1f ms, %lld tokens "
      "of prompt, %lld generated\n\n",
      picollm_model_name(model), bytesPerToken(model) / 1e6, 1e3 * loadSeconds,
      (long long)options.speed.prompt, (long long)options.speed.generate);
  std::printf("threads   prefill tok/s   decode tok/s   memory GB/s   share");
  for (int64_t batch : options.speed.batches)
    std::printf("   call of %lld", (long long)batch);
  for (int64_t sessions : options.speed.sessions)
    std::printf("   %lld sessions", (long long)sessions);
  std::printf("\n");
  for (const Speed &speed : speeds) {
    std::printf("%7d %15.1f %14.1f %13.2f %7.2f", speed.threads,
                speed.prefillTokensPerSecond, speed.decodeTokensPerSecond,
                speed.readBytesPerSecond / 1e9, speed.bandwidthShare);
    const auto printRatios = [](const std::vector<int64_t> &counts,
                                const std::vector<double> &timesOne,
                                int width) {
      for (size_t i = 0; i < counts.size(); ++i)
        std::printf(" %*.2fx", width + int(std::to_string(counts[i]).size()),
                    timesOne[i]);
    };
    printRatios(options.speed.batches, speed.batchRatios, 9);
    printRatios(options.speed.sessions, speed.sessionRatios, 10);
    std::printf("\n");
  }
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Measures the speed of a compiled language model.",
               "picollm-bench");
  app.footer(explanation);
  app.set_version_flag("--version", picollm_version());
  app.add_option("DIR", options.directory,
                 "folder of the compiled model; with --tune a .picollm file")
      ->required();
  app.add_option("--prompt", options.speed.prompt, "tokens of the prompt")
      ->capture_default_str();
  app.add_option("--generate", options.speed.generate,
                 "tokens generated after it")
      ->capture_default_str();
  app.add_option("--threads,-j", options.threads,
                 "thread counts, with commas between them; without it, one per "
                 "physical core")
      ->delimiter(',');
  app.add_option("--batch", options.speed.batches,
                 "also measure calls of so many tokens, with commas between "
                 "them; at most --generate each")
      ->delimiter(',');
  app.add_option("--sessions", options.speed.sessions,
                 "also measure calls of one token to each of so many sessions, "
                 "likewise")
      ->delimiter(',');
  app.add_flag("--huge-pages", options.hugePages,
               "read the weights into memory of their own, in huge pages "
               "(Linux)");
  app.add_option("--repeat", options.speed.repeat, "repetitions")
      ->capture_default_str();
  app.add_option("--tune", options.tune,
                 "write the fastest schedule of kernels here");
  app.add_option("--compiler", options.compiler,
                 "picollm-compile for it (that beside this program)");
  app.add_flag("--json", options.json, "print one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    std::fprintf(stderr, "picollm-bench: %s; --help lists all options\n",
                 error.what());
    return 2;
  }
  constexpr int64_t most = INT32_MAX;
  const bool sane =
      options.speed.prompt > 0 && options.speed.prompt <= most &&
      options.speed.generate > 0 && options.speed.generate <= most &&
      options.speed.repeat > 0 && options.speed.repeat <= 1000000 &&
      std::all_of(options.threads.begin(), options.threads.end(),
                  [](int32_t threads) { return threads > 0; });
  if (!sane)
    return fail("--prompt, --generate, --threads and --repeat: must be at "
                "least 1, and none of them in the billions; --help lists all "
                "options");
  for (const auto &[name, counts] :
       {std::pair("--batch", &options.speed.batches),
        {"--sessions", &options.speed.sessions}})
    if (std::any_of(counts->begin(), counts->end(), [&](int64_t count) {
          return count < 1 || count > options.speed.generate;
        }))
      return fail(std::string(name) +
                  ": each must be at least 1 and at most --generate");
  if (options.threads.empty())
    options.threads = {0}; // the runtime's choice
  if (!options.tune.empty()) {
    const std::string problem = tune({options.directory, options.tune,
                                      compilerOf(options.compiler, argv[0]),
                                      options.threads[0], options.speed});
    return problem.empty() ? 0 : fail(problem);
  }

  picollm_error error;
  picollm_model *loaded = nullptr;
  picollm_status status = PICOLLM_OK;
  const double loadSeconds = secondsOf([&] {
    picollm_model_options modelOptions = {};
    modelOptions.huge_pages = options.hugePages;
    status = picollm_model_load(options.directory.c_str(), &modelOptions,
                                &loaded, &error);
  });
  if (status)
    return fail(error.message);
  const std::unique_ptr<picollm_model, Freed> model(loaded);
  // Several times the largest caches.
  ReadBandwidth memory(uint64_t(512) << 20);
  std::vector<Speed> speeds(options.threads.size());
  for (size_t i = 0; i < speeds.size(); ++i)
    if (measureSpeed(loaded, options.speed, options.threads[i], memory,
                     speeds[i], error))
      return fail(error.message);
  print(loaded, options, loadSeconds, speeds);
  return 0;
}
