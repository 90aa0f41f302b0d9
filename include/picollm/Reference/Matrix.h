//===- Matrix.h - row-major float arrays ------------------------*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_MATRIX_H
#define PICOLLM_REFERENCE_MATRIX_H

#include <cstdint>
#include <vector>

namespace picollm {

/// rows x columns floats, row after row: an activation with a row per token,
/// or a weight with a row per output.
struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> data;

  Matrix() = default;
  /// All zeros.
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), data(rows * columns) {}

  float *row(int64_t i) { return data.data() + i * columns; }
  const float *row(int64_t i) const { return data.data() + i * columns; }

  /// A copy of rows [first, end).
  Matrix rowRange(int64_t first, int64_t end) const {
    Matrix part(end - first, columns);
    part.data.assign(row(first), row(end));
    return part;
  }
};

} // namespace picollm

#endif // PICOLLM_REFERENCE_MATRIX_H
