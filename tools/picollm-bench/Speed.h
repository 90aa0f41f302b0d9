// Speed of one compiled model.
#ifndef PICOLLM_BENCH_SPEED_H
#define PICOLLM_BENCH_SPEED_H

#include "ReadBandwidth.h"
#include "picollm.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

struct SpeedOptions {
  int64_t prompt = 128;
  int64_t generate = 64;
  std::vector<int64_t> batches;  ///< tokens of calls to measure too
  std::vector<int64_t> sessions; ///< sessions that step together, likewise
  int repeat = 5;
};

/// Medians over the repetitions.
struct Speed {
  int32_t threads;
  double prefillTokensPerSecond;
  double decodeTokensPerSecond;
  double readBytesPerSecond;
  double bandwidthShare;
  double byteProductsPerSecond; ///< 0: not known how to measure them
  /// Time of a call over that of one token: one for each of
  /// SpeedOptions::batches, and of SpeedOptions::sessions.
  std::vector<double> batchRatios, sessionRatios;
};

template <typename Action> double secondsOf(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

/// Of the weight file, without its header.
double bytesPerToken(const picollm_model *model);

/// `threads` 0: the runtime's choice.
picollm_status measureSpeed(const picollm_model *model,
                            const SpeedOptions &options, int32_t threads,
                            ReadBandwidth &memory, Speed &speed,
                            picollm_error &error);

/// A deleter.
struct Freed {
  void operator()(picollm_model *model) const { picollm_model_free(model); }
  void operator()(picollm_session *session) const {
    picollm_session_free(session);
  }
};

#endif
