//===- SecondMoment.h - H = E[x x^T] of a layer's input ---------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_SECONDMOMENT_H
#define PICOLLM_CALIBRATION_SECONDMOMENT_H

#include "picollm/Reference/Matrix.h"

namespace picollm {

/// The uncentred second moment of a vector of `columns` floats.
struct SecondMoment {
  int64_t columns = 0;
  int64_t tokens = 0; ///< how many vectors it is the mean over
  /// columns x columns, symmetric: E[x x^T]; a sum until `finish`.
  std::vector<float> values;

  SecondMoment() = default;
  explicit SecondMoment(int64_t columns)
      : columns(columns), values(columns * columns) {}

  /// Adds x x^T for every row of x. Equal for every number of threads.
  void add(const Matrix &x);

  /// Divides by the number of tokens and fills the other triangle. Once, after
  /// the last `add`.
  void finish();
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_SECONDMOMENT_H
