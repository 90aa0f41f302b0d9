//===- MemoryTest.cpp - memory does not grow with the model ---------------===//

#include "../Unit/Import/TinyLlama.h"
#include "CompiledModel.h"
#include "picollm/Support/ProcessMemory.h"
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

using namespace picollm;

// Sanitizers keep memory of their own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PICOLLM_SANITIZED
#endif
#endif

namespace {

/// What cannot be measured is not judged.
bool memoryIsKnown() {
#ifdef PICOLLM_SANITIZED
  return false;
#else
  return anonymousBytes() > 0;
#endif
}

/// Layers of 3.1 MB in float32.
TinyLlama widerLlama(uint32_t layers) {
  TinyLlama model;
  model.layers = layers;
  model.vocabulary = 80;
  model.context = 256;
  model.embedding = 256;
  model.feedForward = 768;
  model.headSize = 64;
  return model;
}

/// Compiles; the peak of each stage in bytes that belong to no file.
std::map<std::string, int64_t> peaksOf(uint32_t layers,
                                       const std::string &options) {
  std::string folder = testFolder() + "/" + std::to_string(layers);
  std::string model = folder + ".gguf";
  widerLlama(layers).writer().write(model);
  EXPECT_TRUE(runTool("picollm-compile \"" + model + "\" " + options +
                      " -j2 --quiet -o \"" + folder +
                      "\" --name=wide --report=\"" + folder + ".report\""));
  std::map<std::string, int64_t> peaks;
  auto report = nlohmann::json::parse(readFile(folder + ".report/stages.json"));
  for (const auto &stage : report["stages"])
    peaks[stage["stage"]] = stage["peak_anonymous_bytes"];
  return peaks;
}

/// The same, calibrated on two texts that are given.
std::map<std::string, int64_t> peaksWithTexts(uint32_t layers,
                                              const std::string &options) {
  const std::string path = testFolder() + "/text.txt";
  std::ofstream text(path);
  for (int i = 0; i < 60; ++i)
    text << "%0123456789ABCDEFGHIJ" << i;
  text.close();
  return peaksOf(layers, options + " --calibration=\"" + path +
                             "\" --calibration-texts=2");
}

/// docs/memory.md: besides the machine code, no stage holds more than a few
/// matrices at once, so that a layer adds no more than what is said of it.
TEST(MemoryTest, NoStageOfACompilationHoldsAllLayers) {
  if (!memoryIsKnown())
    GTEST_SKIP() << "nothing says how much memory is the program's own";
  const auto few = peaksWithTexts(2, "--bits=4"),
             many = peaksWithTexts(14, "--bits=4");
  // 12 layers are 37.7 MB as floats, 18.9 MB as codes of two bytes.
  const int64_t layers = 12 * 786432;
  for (const auto &[stage, bytes] : many) {
    ASSERT_TRUE(few.count(stage)) << stage;
    EXPECT_LT(bytes - few.at(stage), layers) << stage;
  }
  // n = 768 columns, m = 768 rows, S = 2 x 768 x 256 weights, w = 1536,
  // T = 1024.
  const int64_t moment = 20 * (768 * 768 + 768 * 768), stack = 2 * 768 * 256,
                text = 4 * 1024 * (4 * 1536 + 1024),
                gradients = 4 * 1024 * (4 * 1536 + 3 * 1024);
  EXPECT_LT(many.at("calibrate"),
            32000000 + moment + 8 * stack + text + gradients);
  // With the drift of the input, and the float model beside.
  const int64_t drift = 28 * 768 * 768 + 16 * stack + 4 * 1024 * 4 * 1536;
  EXPECT_LT(many.at("quantize"), 32000000 + moment + 16 * stack + text + drift);
  EXPECT_LT(many.at("pack"), 32000000 + 4 * stack);
}

/// As many texts as are written side by side, and four times as many.
TEST(MemoryTest, TextsThatTheModelWritesDoNotAddUp) {
  if (!memoryIsKnown())
    GTEST_SKIP() << "nothing says how much memory is the program's own";
  ASSERT_EQ(setenv("XDG_CACHE_HOME", testFolder().c_str(), 1), 0);
  const auto few = peaksOf(3, "--scheme=gptq --bits=4 --calibration-texts=18"),
             many = peaksOf(3, "--scheme=gptq --bits=4 --calibration-texts=72");
  // The keys and values of 54 texts, 256 positions in 3 layers.
  const int64_t cache = 8 * 54 * 256 * 3 * 2 * 64;
  EXPECT_LT(many.at("texts") - few.at("texts"), cache / 4);
}

TEST(MemoryTest, LoadingDoesNotCopyTheWeights) {
  if (!memoryIsKnown())
    GTEST_SKIP() << "nothing says how much memory is the program's own";
  peaksOf(14, "--scheme=none");
  std::string folder = testFolder() + "/14";
  const auto weights =
      int64_t(std::filesystem::file_size(folder + "/wide.weights"));
  ASSERT_GT(weights, 20 << 20);
  const int64_t before = anonymousBytes();
  picollm_error error;
  picollm_model *model = nullptr;
  ASSERT_EQ(picollm_model_load(folder.c_str(), nullptr, &model, &error),
            PICOLLM_OK)
      << error.message;
  EXPECT_LT(anonymousBytes() - before, weights / 8);
  // Two sessions that have read all weights: each has its own scratch and KV
  // cache, no copy of a matrix.
  picollm_session_options options = {};
  options.context_length = 16;
  options.threads = 2;
  picollm_session *sessions[2] = {};
  std::vector<float> logits(picollm_model_vocabulary(model));
  for (picollm_session *&session : sessions) {
    ASSERT_EQ(picollm_session_create(model, &options, &session, &error),
              PICOLLM_OK)
        << error.message;
    const int32_t token = 3;
    ASSERT_EQ(picollm_forward(session, &token, 1, 0, logits.data(), &error),
              PICOLLM_OK)
        << error.message;
  }
  EXPECT_LT(anonymousBytes() - before, weights / 4);
  for (picollm_session *session : sessions)
    picollm_session_free(session);
  picollm_model_free(model);
}

} // namespace
