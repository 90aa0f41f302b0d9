//===- Distillation.h - how far a model is from its float one ---*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_DISTILLATION_H
#define PICOLLM_CALIBRATION_DISTILLATION_H

#include "picollm/Calibration/Backpropagation.h"

namespace picollm {

/// The cost of distillation (Hinton et al., arXiv:1503.02531): the
/// Kullback-Leibler divergence from the next token that a float model, the
/// teacher, predicts to what another predicts.
class Distillation {
public:
  /// Texts that the teacher runs over at a time.
  static constexpr size_t batch = 4;

  /// Over those texts of which some prediction counts. The teacher must outlive
  /// this. Fails where there is no such text or a token is outside the
  /// vocabulary.
  static llvm::Expected<std::unique_ptr<Distillation>>
  create(ReferenceModel &teacher, const CalibrationSet &set);
  ~Distillation();

  /// Goes on to the texts of the next step, after the last to the first, and
  /// returns them: one text, or, of those with prompts, which are short, as
  /// many as have at most calibrationTokens tokens together. The teacher runs
  /// over a text the first time that it, or another of its batch, is asked for;
  /// what its head reads lies on disk from then on.
  llvm::Expected<TokenSequences> nextTexts();

  /// How many steps take each text of a set once.
  static int64_t stepsOfRound(const CalibrationSet &set);

  /// How many texts went before those that nextTexts() returns next.
  size_t position() const { return next; }
  /// Goes on there.
  llvm::Error skipTo(size_t position);

  /// In place: from the student's logits of tokens firstRow, firstRow + 1 .. of
  /// a text of the current step to the gradient of the mean divergence per
  /// prediction that counts in the texts of that step.
  llvm::Error differentiate(size_t text, int64_t firstRow, Matrix &logits);

  /// Nats per prediction that counts, of all rows of the current step that were
  /// differentiated.
  double divergence() const { return sum; }

private:
  Distillation(ReferenceModel &teacher, Backpropagation pass,
               CalibrationSet set);
  llvm::Error beginBatch(size_t index);
  llvm::Expected<Matrix> nextInput();

  ReferenceModel &teacher;
  Backpropagation pass;
  CalibrationSet set; ///< all of it counts
  /// What the teacher's head reads, by batch; null where it was not asked for.
  std::vector<std::unique_ptr<Spill>> heads;
  size_t next = 0;            ///< text
  size_t first = 0;           ///< text of the current step
  int64_t counted = 0;        ///< predictions of the current step
  std::vector<Matrix> inputs; ///< of the head, current step
  double sum = 0;
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_DISTILLATION_H
