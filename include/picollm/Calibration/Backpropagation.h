//===- Backpropagation.h - a model backwards, part by part ------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_BACKPROPAGATION_H
#define PICOLLM_CALIBRATION_BACKPROPAGATION_H

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "picollm/Reference/Gradients.h"

namespace picollm {

/// Ops of a model in order.
using OpRange = llvm::ArrayRef<mlir::Operation *>;

/// What a run backwards is for.
class BackpropagationVisitor : public GradientVisitor {
public:
  /// Before and after `ops` run over all texts, forwards or backwards: the
  /// weights they read may be put in the model's store, and taken from it.
  virtual llvm::Error enterPart(OpRange ops) { return llvm::Error::success(); }
  virtual llvm::Error leavePart(OpRange ops) { return llvm::Error::success(); }

  /// Whether predictions of a text have a loss; others only go forwards.
  virtual bool hasLoss(size_t text) const { return true; }

  /// Backwards, before the ops are differentiated: `evaluation` holds their
  /// results for tokens firstRow, firstRow + 1 .. of a text, but not logits of
  /// a text without loss.
  virtual llvm::Error visitActivations(OpRange ops, size_t text,
                                       int64_t firstRow,
                                       Evaluation &evaluation) {
    return llvm::Error::success();
  }

  /// In place: from the logits of tokens firstRow, firstRow + 1 .. of a text to
  /// dL/d(logits).
  virtual llvm::Error differentiateLoss(size_t text, int64_t firstRow,
                                        Matrix &logits) = 0;

  /// What the look-up of a text's tokens gave, a row each, and dL/d of it.
  virtual void visitEmbedding(size_t text, const Matrix &x, const Matrix &d) {}
};

/// Runs a model forwards and backwards over texts, a part between two residual
/// sums at a time: memory holds the activations of one text in one part, and
/// of the logits some rows; the rest lies on disk.
class Backpropagation {
public:
  /// Fails where the model has no residual stream that ends in logits.
  static llvm::Expected<Backpropagation> create(ReferenceModel &model);
  Backpropagation(Backpropagation &&);
  ~Backpropagation();

  /// enterPart and leavePart are called so often forwards, then as often
  /// backwards.
  int64_t parts() const { return allParts.size(); }

  /// What the look-up of the tokens gives.
  mlir::Value embedding() const { return allParts.front().input; }

  /// What the ops from the last residual sum to the logits read.
  mlir::Value headInput() const { return allParts.back().input; }

  /// With tokens and positions of the rows of `span`, which must outlive it.
  Evaluation start(const Span &span) const;

  /// Runs the head on rows of its input, which start at `firstRow` of a text.
  llvm::Error evaluateHead(Evaluation &evaluation) const {
    return model->evaluate(allParts.back().first, allParts.back().end,
                           evaluation);
  }

  /// Only forwards: the input of the head, text by text. (For lib/Calibration,
  /// where Spill is.)
  llvm::Expected<std::unique_ptr<Spill>>
  runToHead(const TokenSequences &texts, BackpropagationVisitor &visitor);

  /// Forwards and backwards. Parts that were left before `checkpoint` was kept
  /// are not entered again.
  llvm::Error run(const TokenSequences &texts, BackpropagationVisitor &visitor,
                  Checkpoint checkpoint = {});

private:
  /// Ops [first, end), which read one activation of what comes before them.
  struct Part {
    int64_t first = 0, end = 0;
    mlir::Value input;
  };

  explicit Backpropagation(ReferenceModel &model);
  void findParts();
  OpRange opsOf(const Part &part) const {
    return model->operations().slice(part.first, part.end - part.first);
  }
  std::string describeInput(const Part &part) const;
  llvm::Error openInputs(size_t parts, const Checkpoint &checkpoint);
  llvm::Error forwardTo(size_t part, const TokenSequences &texts,
                        BackpropagationVisitor &visitor,
                        const std::string &file);
  llvm::Error backward(size_t part, const TokenSequences &texts, Spill *from,
                       Spill *to, BackpropagationVisitor &visitor);
  llvm::Error backwardFromResult(size_t part, size_t text, Spill &from,
                                 Evaluation &evaluation, Matrix &gradient,
                                 BackpropagationVisitor &visitor);
  llvm::Error backwardFromLogits(size_t text, const Matrix &input,
                                 Matrix &gradient,
                                 BackpropagationVisitor &visitor);
  llvm::Expected<Matrix> differentiatePart(const Part &part,
                                           Evaluation &evaluation,
                                           Gradients &gradients,
                                           BackpropagationVisitor &visitor);

  ReferenceModel *model;
  std::vector<Part> allParts;
  std::vector<std::unique_ptr<Spill>> inputs; ///< of each part, text by text
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_BACKPROPAGATION_H
