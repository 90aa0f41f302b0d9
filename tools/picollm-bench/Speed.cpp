#include "Speed.h"
#include "ByteProducts.h"
#include "Median.h"

#include "picollm/weight_file.h"
#include <algorithm>

double bytesPerToken(const picollm_model *model) {
  return double(picollm_model_weights_bytes(model) -
                PICOLLM_WEIGHT_FILE_HEADER_BYTES);
}

namespace {

/// Sessions with the same prompt, and the calls that are timed. After a failure
/// they do nothing.
class Calls {
public:
  Calls(const picollm_model *model, const SpeedOptions &options,
        picollm_error &error)
      : model(model), options(options), error(error),
        vocabulary(picollm_model_vocabulary(model)) {}

  picollm_status open(int32_t threads) {
    const int64_t together = options.sessions.empty()
                                 ? 1
                                 : *std::max_element(options.sessions.begin(),
                                                     options.sessions.end());
    // The first one's threads do all the work.
    for (int64_t i = 0; i < together && !status; ++i)
      create(i == 0 ? threads : 1);
    logits.resize(size_t(vocabulary * together));
    // Any tokens take the same time; these touch the whole vocabulary.
    tokens.resize(size_t(options.prompt + options.generate));
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = int32_t((i * 2654435761u) % uint64_t(vocabulary));
    for (size_t i = 1; i < sessions.size(); ++i)
      feedPrompt(i);
    return status;
  }

  /// Seconds of the prompt of the first session.
  double prompt() {
    picollm_session_reset(sessions[0]);
    return secondsOf([&] { feedPrompt(0); });
  }

  /// Seconds of each call of so many tokens after the prompt.
  double ofTokens(int64_t count) {
    truncate(1);
    const size_t begin = size_t(options.prompt), batch = size_t(count);
    return perCall(count, [&](size_t call) {
      return picollm_forward(sessions[0], &tokens[begin + call * batch], batch,
                             batch - 1, logits.data(), &error);
    });
  }

  /// Seconds of each call of one token to each of so many sessions.
  double ofSessions(int64_t count) {
    truncate(count);
    return perCall(count, [&](size_t call) {
      return picollm_forward_sessions(sessions.data(),
                                      &tokens[call * size_t(count)],
                                      size_t(count), logits.data(), &error);
    });
  }

  int32_t getThreads() const { return picollm_session_threads(sessions[0]); }

  picollm_status status = PICOLLM_OK;

private:
  void create(int32_t threads) {
    const picollm_session_options sessionOptions = {
        options.prompt + options.generate, threads};
    picollm_session *session = nullptr;
    status = picollm_session_create(model, &sessionOptions, &session, &error);
    owned.emplace_back(session);
    sessions.push_back(session);
  }

  void feedPrompt(size_t session) {
    const size_t count = size_t(options.prompt);
    if (!status)
      status = picollm_forward(sessions[session], tokens.data(), count,
                               count - 1, logits.data(), &error);
  }

  void truncate(int64_t count) {
    for (int64_t i = 0; i < count && !status; ++i)
      status =
          picollm_session_truncate(sessions[size_t(i)], options.prompt, &error);
  }

  /// As many calls as bring --generate tokens, `count` each.
  template <typename Call> double perCall(int64_t count, Call call) {
    const int64_t calls = options.generate / count;
    const double seconds = secondsOf([&] {
      for (int64_t i = 0; i < calls && !status; ++i)
        status = call(size_t(i));
    });
    return seconds / double(calls);
  }

  const picollm_model *model;
  const SpeedOptions &options;
  picollm_error &error;
  const int64_t vocabulary;
  std::vector<std::unique_ptr<picollm_session, Freed>> owned;
  std::vector<picollm_session *> sessions;
  std::vector<int32_t> tokens;
  std::vector<float> logits;
};

} // namespace

picollm_status measureSpeed(const picollm_model *model,
                            const SpeedOptions &options, int32_t threads,
                            ReadBandwidth &memory, Speed &speed,
                            picollm_error &error) {
  Calls calls(model, options, error);
  if (calls.open(threads))
    return calls.status;
  threads = calls.getThreads();
  std::vector<double> prefill, decode, read, share, products;
  std::vector<std::vector<double>> ofTokens(options.batches.size()),
      ofSessions(options.sessions.size());
  // The first repetition brings the weights into memory and is not counted.
  for (int repetition = 0; repetition <= options.repeat; ++repetition) {
    const double promptSeconds = calls.prompt();
    const double byteProducts =
        byteProductsPerSecond(picollm_model_cpu_features(model), threads);
    const double before = memory.measure(threads);
    const double one = calls.ofTokens(1);
    const double bandwidth = (before + memory.measure(threads)) / 2;
    const bool counts = repetition > 0;
    const auto addRatio = [&](std::vector<double> &ratios, double seconds) {
      if (counts)
        ratios.push_back(seconds / one);
    };
    for (size_t i = 0; i < ofTokens.size(); ++i)
      addRatio(ofTokens[i], calls.ofTokens(options.batches[i]));
    for (size_t i = 0; i < ofSessions.size(); ++i)
      addRatio(ofSessions[i], calls.ofSessions(options.sessions[i]));
    if (calls.status)
      return calls.status;
    if (!counts)
      continue;
    prefill.push_back(double(options.prompt) / promptSeconds);
    products.push_back(byteProducts);
    decode.push_back(1 / one);
    read.push_back(bandwidth);
    share.push_back(decode.back() * bytesPerToken(model) / bandwidth);
  }
  speed = {threads,
           median(prefill),
           median(decode),
           median(read),
           median(share),
           median(products),
           {},
           {}};
  for (std::vector<double> &ratios : ofTokens)
    speed.batchRatios.push_back(median(ratios));
  for (std::vector<double> &ratios : ofSessions)
    speed.sessionRatios.push_back(median(ratios));
  return PICOLLM_OK;
}
