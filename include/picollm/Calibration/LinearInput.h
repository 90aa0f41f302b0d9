//===- LinearInput.h - activations that weights multiply --------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_LINEARINPUT_H
#define PICOLLM_CALIBRATION_LINEARINPUT_H

#include "picollm/Reference/ReferenceModel.h"

namespace picollm {

/// An activation that one or more linear (or logits) ops of the model read.
struct LinearInput {
  mlir::Value value;
  int64_t columns = 0;
  std::vector<mlir::Operation *> linears; ///< in order
  std::vector<std::string> weights;       ///< of `linears`
  bool head = false; ///< read by the logits op: the last norm's output
};

/// In the order of their first readers.
std::vector<LinearInput> findLinearInputs(ReferenceModel &model);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_LINEARINPUT_H
