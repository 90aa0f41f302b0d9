//===- GoldenModel.h - models of test/Fixtures ------------------*- C++ -*-===//

#ifndef PICOLLM_TEST_GOLDENMODEL_H
#define PICOLLM_TEST_GOLDENMODEL_H

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace picollm {

/// A model file and what transformers computes from it; make.py in
/// Fixtures/Llama and Fixtures/Gemma3 says how.
struct GoldenModel {
  /// A name with a slash at its end is that of a Hugging Face folder.
  explicit GoldenModel(const std::string &name);

  std::string path; ///< of the GGUF file or the folder
  std::string promptText;
  std::vector<int32_t> prompt;    ///< ids of promptText
  std::vector<int64_t> positions; ///< of the prompt whose logits are kept
  std::vector<int32_t> greedy;    ///< ids that greedy decoding appends
  double gap = 0; ///< least distance of best and second logit on the way
  std::vector<float> logits; ///< [positions][vocabulary]
  int64_t vocabulary = 0;

  /// max |row - golden| / max |golden| at positions[index]; `row` has
  /// `vocabulary` logits.
  double relativeError(size_t index, const float *row) const;
};

/// Names of all models.
constexpr const char *kGoldenModels[] = {
    "gqa-tied-f32",
    "mha-untied-f16",
    "gqa-llama3-rope-q8_0",
    "mqa-linear-rope-q4_0",
    "wide-heads-q4_1",
    "llama3-rope-bf16",
    "linear-rope-f16",
    "yarn-rope-bf16",
    "gemma3-period-6-f32",
    "gemma3-long-window-q8_0",
    "gemma3-short-window-f16",
    "gemma3-wide-heads-bf16",
    "gemma3-folder-bf16",
};

/// Those of them that are there as Hugging Face folders too.
constexpr const char *kGoldenFolders[] = {
    "gqa-tied-f32/",    "mha-untied-f16/", "llama3-rope-bf16/",
    "linear-rope-f16/", "yarn-rope-bf16/", "gemma3-folder-bf16/",
};

/// What GoogleTest allows of a name: letters, digits, underscores.
std::string testNameOf(std::string modelName);

} // namespace picollm

#endif // PICOLLM_TEST_GOLDENMODEL_H
