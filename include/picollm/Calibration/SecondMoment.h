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

  /// Adds another sum.
  SecondMoment &operator+=(const SecondMoment &other);

  /// Divides by the number of tokens and fills the other triangle. Once, after
  /// the last `add`.
  void finish();
};

/// The uncentred moment of two vectors, of `rows` and of `columns` floats.
struct CrossMoment {
  int64_t rows = 0, columns = 0;
  int64_t tokens = 0; ///< how many pairs it is the mean over
  /// rows x columns: E[a b^T]; a sum until `finish`.
  std::vector<float> values;

  CrossMoment() = default;
  CrossMoment(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(rows * columns) {}

  /// Adds a b^T for every row. Equal for every number of threads.
  void add(const Matrix &a, const Matrix &b);

  /// Adds another sum.
  CrossMoment &operator+=(const CrossMoment &other);

  /// Divides by the number of tokens. Once, after the last `add`.
  void finish();
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_SECONDMOMENT_H
