// picollm-bench: how fast a compiled model runs here, and how near that is to
// the speed of the memory.
#include "ReadBandwidth.h"
#include "picollm.h"
#include "picollm/weight_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

static const char *const explanation = R"(
Each repetition measures the prompt (many tokens at once), the generation (one
token at a time) and, between them, how fast as many threads read memory; the
medians are reported. bandwidth_share is the bytes of weights that generation
reads per second over the bytes per second that the memory gave: a token needs
every weight once, so 1 is the limit of a model that no cache holds.
bytes_per_token is the weight file without its header. (An embedding that is
not also the head is read by rows, so the true figure is then lower.)

--batch=N,... also feeds the same tokens in calls of N, as speculative decoding
does, and reports how many times as long as for one token such a call takes.

Examples:
  picollm-bench smol --prompt=256 --generate=64 --threads=1,2 --json
  picollm-bench smol --batch=2,4,8)";

namespace {

struct Options {
  std::string directory;
  int64_t prompt = 128;
  int64_t generate = 64;
  std::vector<int32_t> threads;
  std::vector<int64_t> batches;
  int repeat = 5;
  bool json = false;
};

/// Medians over the repetitions.
struct Speed {
  int32_t threads;
  double prefillTokensPerSecond;
  double decodeTokensPerSecond;
  double readBytesPerSecond;
  double bandwidthShare;
  std::vector<double> batchRatios; ///< one for each of Options::batches
};

struct Freed {
  void operator()(picollm_model *model) const { picollm_model_free(model); }
  void operator()(picollm_session *session) const {
    picollm_session_free(session);
  }
};

} // namespace

static int fail(const std::string &message) {
  std::fprintf(stderr, "picollm-bench: %s\n", message.c_str());
  return 1;
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

static double bytesPerToken(const picollm_model *model) {
  return double(picollm_model_weights_bytes(model) -
                PICOLLM_WEIGHT_FILE_HEADER_BYTES);
}

template <typename Action> static double secondsOf(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

static picollm_status measure(const picollm_model *model,
                              const Options &options, int32_t threads,
                              ReadBandwidth &memory, Speed &speed,
                              picollm_error &error) {
  const picollm_session_options sessionOptions = {
      options.prompt + options.generate, threads};
  picollm_session *created = nullptr;
  if (auto status =
          picollm_session_create(model, &sessionOptions, &created, &error))
    return status;
  const std::unique_ptr<picollm_session, Freed> session(created);
  threads = picollm_session_threads(created);
  const int64_t vocabulary = picollm_model_vocabulary(model);
  std::vector<float> logits(static_cast<size_t>(vocabulary));
  // Any tokens take the same time; these touch the whole vocabulary.
  std::vector<int32_t> tokens(size_t(options.prompt + options.generate));
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = int32_t((i * 2654435761u) % uint64_t(vocabulary));
  const size_t promptTokens = size_t(options.prompt);

  picollm_status status = PICOLLM_OK;
  /// Seconds of all tokens after the prompt, in calls of `batch`.
  const auto secondsOfCalls = [&](size_t batch) {
    return secondsOf([&] {
      for (size_t i = promptTokens; i + batch <= tokens.size() && !status;
           i += batch)
        status = picollm_forward(created, &tokens[i], batch, batch - 1,
                                 logits.data(), &error);
    });
  };
  std::vector<double> prefill, decode, read, share;
  std::vector<std::vector<double>> ratios(options.batches.size());
  // The first repetition brings the weights into memory and is not counted.
  for (int repetition = 0; repetition <= options.repeat; ++repetition) {
    picollm_session_reset(created);
    const double prefillSeconds = secondsOf([&] {
      status = picollm_forward(created, tokens.data(), promptTokens,
                               promptTokens - 1, logits.data(), &error);
    });
    if (status)
      return status;
    const double before = memory.measure(threads);
    const double decodeSeconds = secondsOfCalls(1);
    if (status)
      return status;
    const double bandwidth = (before + memory.measure(threads)) / 2;
    for (size_t i = 0; i < ratios.size(); ++i) {
      const int64_t batch = options.batches[i];
      if ((status = picollm_session_truncate(created, options.prompt, &error)))
        return status;
      const double seconds = secondsOfCalls(size_t(batch));
      if (status)
        return status;
      ratios[i].push_back(seconds / double(options.generate / batch) /
                          (decodeSeconds / double(options.generate)));
    }
    if (repetition == 0) {
      for (std::vector<double> &ofBatch : ratios)
        ofBatch.clear();
      continue;
    }
    prefill.push_back(double(options.prompt) / prefillSeconds);
    decode.push_back(double(options.generate) / decodeSeconds);
    read.push_back(bandwidth);
    share.push_back(decode.back() * bytesPerToken(model) / bandwidth);
  }
  speed = {threads,      median(prefill), median(decode),
           median(read), median(share),   {}};
  for (const std::vector<double> &ofBatch : ratios)
    speed.batchRatios.push_back(median(ofBatch));
  return PICOLLM_OK;
}

static void print(const picollm_model *model, const Options &options,
                  const std::vector<Speed> &speeds) {
  if (options.json) {
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const Speed &speed : speeds) {
      nlohmann::ordered_json batches = nlohmann::ordered_json::array();
      for (size_t i = 0; i < options.batches.size(); ++i)
        batches.push_back({{"tokens", options.batches[i]},
                           {"times_one", speed.batchRatios[i]}});
      results.push_back(
          {{"threads", speed.threads},
           {"prefill_tokens_per_second", speed.prefillTokensPerSecond},
           {"decode_tokens_per_second", speed.decodeTokensPerSecond},
           {"bytes_per_token", bytesPerToken(model)},
           {"read_bytes_per_second", speed.readBytesPerSecond},
           {"bandwidth_share", speed.bandwidthShare},
           {"batches", batches}});
    }
    const nlohmann::ordered_json object = {
        {"model", picollm_model_name(model)},
        {"cpu_features", picollm_model_cpu_features(model)},
        {"prompt", options.prompt},
        {"generate", options.generate},
        {"results", results}};
    std::printf("%s\n", object.dump(2).c_str());
    return;
  }
  std::printf("%s: %.1f MB of weights per token, %lld tokens of prompt, %lld "
              "generated\n\n",
              picollm_model_name(model), bytesPerToken(model) / 1e6,
              (long long)options.prompt, (long long)options.generate);
  std::printf("threads   prefill tok/s   decode tok/s   memory GB/s   share");
  for (int64_t batch : options.batches)
    std::printf("   call of %lld", (long long)batch);
  std::printf("\n");
  for (const Speed &speed : speeds) {
    std::printf("%7d %15.1f %14.1f %13.2f %7.2f", speed.threads,
                speed.prefillTokensPerSecond, speed.decodeTokensPerSecond,
                speed.readBytesPerSecond / 1e9, speed.bandwidthShare);
    for (size_t i = 0; i < options.batches.size(); ++i) {
      const int width = 10 + int(std::to_string(options.batches[i]).size());
      std::printf(" %*.2fx", width, speed.batchRatios[i]);
    }
    std::printf("\n");
  }
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Measures the speed of a compiled language model.",
               "picollm-bench");
  app.footer(explanation);
  app.set_version_flag("--version", picollm_version());
  app.add_option("DIR", options.directory, "folder of the compiled model")
      ->required();
  app.add_option("--prompt", options.prompt, "tokens of the prompt")
      ->capture_default_str();
  app.add_option("--generate", options.generate, "tokens generated after it")
      ->capture_default_str();
  app.add_option("--threads,-j", options.threads,
                 "thread counts, with commas between them; without it, one per "
                 "physical core")
      ->delimiter(',');
  app.add_option("--batch", options.batches,
                 "also measure calls of so many tokens, with commas between "
                 "them; at most --generate each")
      ->delimiter(',');
  app.add_option("--repeat", options.repeat, "repetitions")
      ->capture_default_str();
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
  const bool sane = options.prompt > 0 && options.prompt <= most &&
                    options.generate > 0 && options.generate <= most &&
                    options.repeat > 0 && options.repeat <= 1000000 &&
                    std::all_of(options.threads.begin(), options.threads.end(),
                                [](int32_t threads) { return threads > 0; });
  if (std::any_of(
          options.batches.begin(), options.batches.end(),
          [&](int64_t batch) { return batch < 1 || batch > options.generate; }))
    return fail("--batch: each must be at least 1 and at most --generate");
  if (!sane)
    return fail("--prompt, --generate, --threads and --repeat: must be at "
                "least 1, and none of them in the billions; --help lists all "
                "options");
  if (options.threads.empty())
    options.threads = {0}; // the runtime's choice

  picollm_error error;
  picollm_model *loaded = nullptr;
  if (picollm_model_load(options.directory.c_str(), nullptr, &loaded, &error))
    return fail(error.message);
  const std::unique_ptr<picollm_model, Freed> model(loaded);
  // Several times the largest caches.
  ReadBandwidth memory(uint64_t(512) << 20);
  std::vector<Speed> speeds(options.threads.size());
  for (size_t i = 0; i < speeds.size(); ++i)
    if (measure(loaded, options, options.threads[i], memory, speeds[i], error))
      return fail(error.message);
  print(loaded, options, speeds);
  return 0;
}
