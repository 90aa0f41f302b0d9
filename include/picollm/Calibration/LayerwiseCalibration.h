//===- LayerwiseCalibration.h - statistics layer by layer -------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_LAYERWISECALIBRATION_H
#define PICOLLM_CALIBRATION_LAYERWISECALIBRATION_H

#include "picollm/Calibration/SecondMoment.h"
#include "picollm/Reference/ReferenceModel.h"

namespace picollm {

class Spill;

/// Tokens of the calibration texts. No text is empty.
using TokenSequences = std::vector<std::vector<int32_t>>;

/// An activation that one or more linear (or logits) ops of the model read.
struct LinearInput {
  mlir::Value value;
  int64_t columns = 0;
  std::vector<mlir::Operation *> linears; ///< in order
  std::vector<std::string> weights;       ///< of `linears`
  bool head = false; ///< read by the logits op: the last norm's output
};

/// Sees H of one input, before any linear that reads it has run. It may replace
/// their weights (ReferenceModel::weights().replace): what follows then runs
/// behind the replaced weights. The replacement ends after these linears.
using MomentVisitor = llvm::function_ref<llvm::Error(
    const LinearInput &input, const SecondMoment &moment)>;

/// Runs a model over texts, stage by stage: a stage ends before the first op
/// that reads a next linear input. What is alive between two stages is spilled
/// to a temporary file, so memory holds one text, one stage's weights and one
/// moment, however many the texts are.
class LayerwiseCalibration {
public:
  /// The model must outlive the calibration; it must be of the model level.
  LayerwiseCalibration(ReferenceModel &model, TokenSequences texts);

  /// In the order of the visits.
  llvm::ArrayRef<LinearInput> inputs() const { return linearInputs; }

  /// One pass. `stage` is the word that progress lines begin with.
  llvm::Error run(llvm::StringRef stage, MomentVisitor visit);

private:
  llvm::Error advance(size_t stage, Spill &from, Spill &to);
  llvm::Error runText(llvm::ArrayRef<int32_t> text, int64_t first, int64_t last,
                      Evaluation &evaluation);
  void endReplacements(int64_t firstOp, int64_t endOp);

  ReferenceModel &model;
  TokenSequences texts;
  std::vector<LinearInput> linearInputs;
  std::vector<int64_t> starts; ///< per input: its first reader's index
  std::vector<std::vector<mlir::Value>> alive; ///< per input: values spilled
};

/// H of every distinct linear input, keyed by the names of the weights that
/// multiply it; weights of one input share one.
using MomentMap = llvm::StringMap<std::shared_ptr<const SecondMoment>>;

llvm::Expected<MomentMap> collectMoments(ReferenceModel &model,
                                         TokenSequences texts);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_LAYERWISECALIBRATION_H
