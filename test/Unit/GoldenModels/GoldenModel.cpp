//===- GoldenModel.cpp - models of test/Fixtures --------------------------===//

#include "GoldenModel.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace picollm {

static std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::cerr << path << ": the fixture is missing\n";
    std::abort();
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Version 1 of numpy's format: 6 bytes of magic, 2 of version, the length of a
/// text that describes the array, the text, the numbers in order of rows.
static std::vector<float> readNpy(const std::string &path) {
  const std::string file = readFile(path);
  const size_t begin =
      10 + uint8_t(file.at(8)) + 256 * size_t(uint8_t(file.at(9)));
  std::vector<float> numbers((file.size() - begin) / sizeof(float));
  std::memcpy(numbers.data(), file.data() + begin,
              numbers.size() * sizeof(float));
  return numbers;
}

GoldenModel::GoldenModel(const std::string &name) {
  const bool isGemma3 = name.compare(0, 6, "gemma3") == 0;
  std::string stem = std::string(PICOLLM_TEST_DIR "/Fixtures/") +
                     (isGemma3 ? "Gemma3/" : "Llama/") + name;
  path = stem + ".gguf";
  if (name.back() == '/') {
    path = stem;
    stem.pop_back();
  }
  const auto golden = nlohmann::json::parse(readFile(stem + ".json"));
  promptText = golden.at("prompt").at("text");
  prompt = golden.at("prompt").at("ids").get<std::vector<int32_t>>();
  positions = golden.at("logits_positions").get<std::vector<int64_t>>();
  greedy = golden.at("greedy").get<std::vector<int32_t>>();
  gap = golden.at("gap");
  logits = readNpy(stem + ".npy");
  vocabulary = static_cast<int64_t>(logits.size() / positions.size());
}

double GoldenModel::relativeError(size_t index, const float *row) const {
  const float *expected = logits.data() + index * vocabulary;
  double difference = 0, scale = 0;
  for (int64_t j = 0; j < vocabulary; ++j) {
    difference = std::max(difference, std::abs(double(row[j]) - expected[j]));
    scale = std::max(scale, std::abs(double(expected[j])));
  }
  return difference / scale;
}

std::string testNameOf(std::string modelName) {
  if (modelName.back() == '/')
    modelName.replace(modelName.size() - 1, 1, "_folder");
  std::replace(modelName.begin(), modelName.end(), '-', '_');
  return modelName;
}

} // namespace picollm
