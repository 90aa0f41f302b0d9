//===- LayerwiseCalibration.h - statistics layer by layer -------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_LAYERWISECALIBRATION_H
#define PICOLLM_CALIBRATION_LAYERWISECALIBRATION_H

#include "picollm/Calibration/CalibrationSet.h"
#include "picollm/Calibration/LinearInput.h"
#include "picollm/Calibration/SecondMoment.h"
#include "picollm/Support/Checkpoint.h"

namespace picollm {

class Spill;

/// How far an input x is from x_float, that of the float model.
struct InputDrift {
  SecondMoment moment; ///< E[x x^T]
  CrossMoment input;   ///< E[(x_float - x) x^T]
  /// By weight, E[(r_float - r) x^T] of the residual sum r that the output of a
  /// linear op is added to; none where that is not what happens to it.
  llvm::StringMap<CrossMoment> residuals;
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
  /// `beside`, if any, is a second interpreter of the same module whose weights
  /// nobody replaces.
  LayerwiseCalibration(ReferenceModel &model, TokenSequences texts,
                       ReferenceModel *beside = nullptr);

  /// During a visit, how far the visited input is from that of the model
  /// beside; null where there is none. The visitor may use it up.
  InputDrift *drift() { return beside ? &inputDrift : nullptr; }

  /// The same over every second text, or, of a single one, over its first half.
  InputDrift *driftOfHalf() { return beside ? &halfDrift : nullptr; }

  /// In the order of the visits.
  llvm::ArrayRef<LinearInput> inputs() const { return linearInputs; }

  /// One pass. `stage` is the word that progress lines begin with. Inputs that
  /// were visited before `checkpoint` was kept are not visited again; weights
  /// that were replaced then are only missed where an op behind the next input
  /// reads them.
  llvm::Error run(llvm::StringRef stage, MomentVisitor visit,
                  Checkpoint checkpoint = {});

private:
  llvm::Expected<std::unique_ptr<Spill>> begin(ReferenceModel &of);
  llvm::Expected<std::unique_ptr<Spill>> advance(ReferenceModel &of,
                                                 size_t stage, Spill &from,
                                                 const std::string &path);
  llvm::Expected<std::unique_ptr<Spill>>
  openOrBegin(ReferenceModel &of, const Checkpoint &checkpoint,
              const std::string &path);
  llvm::Error runText(ReferenceModel &of, llvm::ArrayRef<int32_t> text,
                      int64_t first, int64_t last, Evaluation &evaluation);
  llvm::Error readInput(size_t stage, size_t text, Spill &from,
                        Evaluation &evaluation);
  llvm::Expected<SecondMoment> measure(size_t stage, Spill &current);
  llvm::Error measureDrift(size_t stage, Spill &current, Spill &floats);
  void endReplacements(int64_t firstOp, int64_t endOp);

  ReferenceModel &model;
  TokenSequences texts;
  ReferenceModel *beside;
  InputDrift inputDrift, halfDrift;
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
