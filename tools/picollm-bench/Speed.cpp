#include "Speed.h"
#include "ByteProducts.h"
#include "Median.h"

#include "picollm/weight_file.h"
#include <algorithm>

double bytesPerToken(const picollm_model *model) {
  return double(picollm_model_weights_bytes(model) -
                PICOLLM_WEIGHT_FILE_HEADER_BYTES);
}

picollm_status measureSpeed(const picollm_model *model,
                            const SpeedOptions &options, int32_t threads,
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
  std::vector<double> prefill, decode, read, share, products;
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
    products.push_back(
        byteProductsPerSecond(picollm_model_cpu_features(model), threads));
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
  speed = {threads,
           median(prefill),
           median(decode),
           median(read),
           median(share),
           median(products),
           {}};
  for (const std::vector<double> &ofBatch : ratios)
    speed.batchRatios.push_back(median(ofBatch));
  return PICOLLM_OK;
}
