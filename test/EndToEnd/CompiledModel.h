//===- CompiledModel.h - compiles and runs models in tests ------*- C++ -*-===//

#ifndef PICOLLM_TEST_COMPILEDMODEL_H
#define PICOLLM_TEST_COMPILEDMODEL_H

#include "picollm.h"
#include "gtest/gtest.h"
#include <string>
#include <vector>

namespace picollm {

/// Runs a command of build/bin; its standard output goes to `output`, if given.
/// Whether it succeeded.
bool runTool(const std::string &command, std::string *output = nullptr);

std::string readFile(const std::string &path);

/// A folder of its own for the running test, below build/end-to-end.
std::string testFolder();

/// Logits of the tokens [first, first + rows) of a sequence.
struct Logits {
  std::vector<float> numbers; ///< [rows][vocabulary]
  int64_t vocabulary = 0;

  const float *row(int64_t index) const {
    return numbers.data() + index * vocabulary;
  }
  int64_t rows() const {
    return static_cast<int64_t>(numbers.size()) / vocabulary;
  }
};

/// Index of the largest of `count` numbers.
int32_t indexOfLargest(const float *numbers, int64_t count);

/// A model loaded by the C API; problems are failures of the running test.
class CompiledModel {
public:
  explicit CompiledModel(const std::string &folder);
  ~CompiledModel() { picollm_model_free(model); }
  CompiledModel(const CompiledModel &) = delete;
  CompiledModel &operator=(const CompiledModel &) = delete;

  /// Of all tokens, given at once or one by one.
  Logits prefill(const std::vector<int32_t> &tokens, int32_t threads) const;
  Logits decode(const std::vector<int32_t> &tokens, int32_t threads) const;
  /// The most probable continuation.
  std::vector<int32_t> continueGreedily(const std::vector<int32_t> &prompt,
                                        size_t count) const;
  /// The first `count` tokens of a text, which has to have as many.
  std::vector<int32_t> tokenize(const std::string &text, size_t count) const;

  picollm_model *model = nullptr; ///< null where it could not be loaded
  picollm_status status = PICOLLM_OK;
};

} // namespace picollm

#endif // PICOLLM_TEST_COMPILEDMODEL_H
