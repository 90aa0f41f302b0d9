//===- Blas.h - the state of the process's BLAS -----------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_BLAS_H
#define PICOLLM_SUPPORT_BLAS_H

namespace picollm {

/// To be called before every use of OpenBLAS; does its work once. Makes BLAS
/// use the calling thread only (work is cut into tiles by the callers, so that
/// results do not depend on the number of threads) and kernels that fit the
/// CPU.
void prepareBlas();

} // namespace picollm

#endif // PICOLLM_SUPPORT_BLAS_H
