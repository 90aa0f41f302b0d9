//===- MatrixProduct.cpp - BLAS products, equal for every -j --------------===//

#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Support/Blas.h"
#include <cblas.h>

using namespace picollm;

void picollm::multiply(int64_t m, int64_t n, int64_t k, float alpha, Operand a,
                       Operand b, float beta, float *c, int64_t strideC) {
  prepareBlas();
  // A single row: y = B^T x (or B x) reads B once, without packing it.
  if (m == 1 && !a.transposed) {
    if (b.transposed)
      cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, alpha, b.data, b.stride,
                  a.data, 1, beta, c, 1);
    else
      cblas_sgemv(CblasRowMajor, CblasTrans, k, n, alpha, b.data, b.stride,
                  a.data, 1, beta, c, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
              b.transposed ? CblasTrans : CblasNoTrans, m, n, k, alpha, a.data,
              a.stride, b.data, b.stride, beta, c, strideC);
}
