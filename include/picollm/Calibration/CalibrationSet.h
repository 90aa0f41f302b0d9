//===- CalibrationSet.h - texts and what counts of them ---------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_CALIBRATIONSET_H
#define PICOLLM_CALIBRATION_CALIBRATIONSET_H

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace picollm {

/// Tokens of the calibration texts. No text is empty.
using TokenSequences = std::vector<std::vector<int32_t>>;

/// Tokens of a calibration sequence at most.
inline constexpr int64_t calibrationTokens = 1024;

/// Texts, and which of the predictions in them a cost counts. Row t of a text
/// is the prediction of what follows token t. Of a text without a prompt every
/// row counts, that behind the last token included; of one with a prompt the
/// rows that predict its answer, the tokens behind the prompt. A text that is
/// all prompt counts nothing: it is there for the inputs of layers.
struct CalibrationSet {
  TokenSequences texts;
  std::vector<int64_t> prompts; ///< tokens of each text's; 0: it has none

  /// Rows [first, end) of a text.
  struct Rows {
    int64_t first = 0, end = 0;
    bool contains(int64_t row) const { return first <= row && row < end; }
    int64_t count() const { return end - first; }
  };

  CalibrationSet() = default;
  /// Texts without prompts.
  CalibrationSet(TokenSequences newTexts) {
    for (std::vector<int32_t> &text : newTexts)
      add(std::move(text), 0);
  }

  size_t size() const { return texts.size(); }
  void add(std::vector<int32_t> text, int64_t prompt) {
    sum += text.size();
    texts.push_back(std::move(text));
    prompts.push_back(prompt);
  }

  bool hasPrompt(size_t text) const { return prompts[text] > 0; }
  Rows counted(size_t text) const;

  /// Those texts of which some prediction counts.
  CalibrationSet counting() const;

  /// What a limit lets through: no further text once one of both is reached.
  struct Limit {
    size_t texts = std::numeric_limits<size_t>::max();
    int64_t tokens = std::numeric_limits<int64_t>::max();
  };
  bool reaches(const Limit &limit) const {
    return size() >= limit.texts || tokens() >= limit.tokens;
  }
  /// The first texts, up to a limit.
  CalibrationSet first(const Limit &limit) const;

  /// The same texts, those from `text` on before the others.
  CalibrationSet startingAt(size_t text) const;

  /// Of all texts.
  int64_t tokens() const { return sum; }

  bool operator==(const CalibrationSet &other) const {
    return texts == other.texts && prompts == other.prompts;
  }

private:
  int64_t sum = 0;
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_CALIBRATIONSET_H
