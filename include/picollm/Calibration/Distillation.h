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
  /// Runs the teacher, which must outlive this, over `texts`. What its head
  /// reads lies on disk from then on. Fails where a token is outside the
  /// vocabulary.
  static llvm::Expected<std::unique_ptr<Distillation>>
  create(ReferenceModel &teacher, TokenSequences texts);
  ~Distillation();

  /// Goes to the next text, after the last to the first, and returns it.
  llvm::Expected<llvm::ArrayRef<int32_t>> nextText();

  /// In place: from the student's logits of tokens firstRow, firstRow + 1 .. of
  /// the current text to the gradient of the mean divergence per token of that
  /// text.
  llvm::Error differentiate(int64_t firstRow, Matrix &logits);

  /// Nats per token of the current text, of all rows that were differentiated.
  double divergence() const { return sum; }

private:
  Distillation(ReferenceModel &teacher, Backpropagation pass,
               TokenSequences texts);

  ReferenceModel &teacher;
  Backpropagation pass;
  TokenSequences texts;
  std::unique_ptr<Spill> heads; ///< what the teacher's head reads
  size_t next = 0;              ///< text
  int64_t rows = 0;             ///< of the current text
  Matrix input;                 ///< of the head, current text
  double sum = 0;
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_DISTILLATION_H
