//===- FisherInformation.h - what an output's error costs -------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_FISHERINFORMATION_H
#define PICOLLM_CALIBRATION_FISHERINFORMATION_H

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "picollm/Calibration/MomentFile.h"

namespace picollm {

/// Fisher information of a model's activations: L is the negative
/// log-likelihood, in nats and summed over the predictions of a text that
/// count, of next tokens drawn from the model's own predictions. To second
/// order E[(d . dL/dy)^2] / 2 is then the Kullback-Leibler divergence that a
/// change d of y causes (Martens, "New insights and perspectives on the natural
/// gradient method", 2014, section 5).
struct FisherInformation {
  /// By weight: f_i = E[(dL/dy_i)^2] per token, of each row i of a linear or
  /// logits op.
  llvm::StringMap<std::vector<float>> outputs;
  /// E[g g^T] with g = dL/d(row of the embedding that a token looks up).
  SecondMoment embedding;
  /// How often each token of the vocabulary was looked up.
  std::vector<int64_t> tokenCounts;
  /// The next token that was drawn for each token of each text, or notDrawn
  /// where the prediction does not count.
  TokenSequences drawn;
  static constexpr int32_t notDrawn = -1;
  /// E[x x^T] of what the head reads; only for a visitor of inputs.
  SecondMoment headInput;
};

/// Sees H of one linear input, from the last to the first, over all texts,
/// once `fisher.outputs` has the weights that read it.
using InputVisitor = llvm::function_ref<llvm::Error(
    const FisherInformation &fisher, const LinearInput &input,
    const SecondMoment &moment)>;

/// Runs forwards and then backwards, a part between two residual sums at a
/// time, so that memory holds the activations of one text in one part and the
/// weights of that part. Texts of which nothing counts are only there for
/// `visit`; it fails where nothing counts at all. `seed` decides the drawn
/// tokens. Equal for every number of threads. `moments`, if any, gets E[g g^T]
/// with g = dL/dy of every linear op, by weight; with a checkpoint it may have
/// some of them already, and `visit`, if any, may have seen some inputs.
llvm::Expected<FisherInformation>
collectFisherInformation(ReferenceModel &model, const CalibrationSet &set,
                         MomentFile *moments = nullptr, InputVisitor visit = {},
                         Checkpoint checkpoint = {}, uint64_t seed = 1);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_FISHERINFORMATION_H
