//===- CalibrationSet.cpp - texts and what counts of them -----------------===//

#include "picollm/Calibration/CalibrationSet.h"

using namespace picollm;

CalibrationSet::Rows CalibrationSet::counted(size_t text) const {
  const int64_t tokens = texts[text].size();
  if (!hasPrompt(text))
    return {0, tokens};
  return {prompts[text] - 1, tokens - 1};
}

CalibrationSet CalibrationSet::counting() const {
  CalibrationSet result;
  for (size_t text = 0; text < size(); ++text)
    if (counted(text).count() > 0)
      result.add(texts[text], prompts[text]);
  return result;
}

CalibrationSet CalibrationSet::first(const Limit &limit) const {
  CalibrationSet result;
  for (size_t text = 0; text < size() && !result.reaches(limit); ++text)
    result.add(texts[text], prompts[text]);
  return result;
}

CalibrationSet CalibrationSet::startingAt(size_t begin) const {
  CalibrationSet result;
  for (size_t i = 0; i < size(); ++i) {
    const size_t text = (begin + i) % size();
    result.add(texts[text], prompts[text]);
  }
  return result;
}
