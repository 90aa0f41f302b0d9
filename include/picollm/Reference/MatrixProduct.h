//===- MatrixProduct.h - BLAS products, equal for every -j ------*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_MATRIXPRODUCT_H
#define PICOLLM_REFERENCE_MATRIXPRODUCT_H

#include <cstdint>

namespace picollm {

/// A row-major operand of a product. `stride`: floats from row to row.
struct Operand {
  const float *data;
  int64_t stride;
  bool transposed = false; ///< the product uses its transpose
};

/// c[m x n] = alpha * a[m x k] b[k x n] + beta * c, on the calling thread only,
/// with a BLAS. c is not read where beta is 0.
void multiply(int64_t m, int64_t n, int64_t k, float alpha, Operand a,
              Operand b, float beta, float *c, int64_t strideC);

} // namespace picollm

#endif // PICOLLM_REFERENCE_MATRIXPRODUCT_H
