//===- FiniteActivations.h - no NaN gets into statistics --------*- C++ -*-===//

#ifndef PICOLLM_LIB_CALIBRATION_FINITEACTIVATIONS_H
#define PICOLLM_LIB_CALIBRATION_FINITEACTIVATIONS_H

#include "picollm/Reference/Matrix.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cmath>

namespace picollm {

/// Fails where a value of `x`, whose rows are tokens firstRow, firstRow + 1 ..
/// of a text (both from 0), is NaN or infinite. `what` says what x is.
inline llvm::Error checkFinite(const Matrix &x, size_t text, int64_t firstRow,
                               const llvm::Twine &what) {
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t j = 0; j < x.columns; ++j)
      if (!std::isfinite(x.row(t)[j]))
        return llvm::createStringError(
            "calibration text " + llvm::Twine(text + 1) + ", token " +
            llvm::Twine(firstRow + t + 1) + ": " + what +
            " is NaN or infinite; the weights of the model are damaged, or too "
            "large for float32");
  return llvm::Error::success();
}

} // namespace picollm

#endif // PICOLLM_LIB_CALIBRATION_FINITEACTIVATIONS_H
