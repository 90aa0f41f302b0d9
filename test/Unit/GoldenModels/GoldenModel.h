//===- GoldenModel.h - models of test/Fixtures/Llama ------------*- C++ -*-===//

#ifndef PICOLLM_TEST_GOLDENMODEL_H
#define PICOLLM_TEST_GOLDENMODEL_H

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace picollm {

/// A model file and what transformers computes from it; make.py there says how.
struct GoldenModel {
  explicit GoldenModel(const std::string &name);

  std::string path; ///< of the GGUF file
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
    "gqa-tied-f32",         "mha-untied-f16",  "gqa-llama3-rope-q8_0",
    "mqa-linear-rope-q4_0", "wide-heads-q4_1",
};

} // namespace picollm

#endif // PICOLLM_TEST_GOLDENMODEL_H
