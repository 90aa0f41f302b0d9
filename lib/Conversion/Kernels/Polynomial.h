//===- Polynomial.h - polynomials by Horner's rule --------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_POLYNOMIAL_H
#define PICOLLM_LIB_CONVERSION_KERNELS_POLYNOMIAL_H

#include "../KernelBuilder.h"

namespace picollm {

/// sum coefficients[i] x^i, of any float type.
Value emitPolynomial(KernelBuilder &k, Value x,
                     llvm::ArrayRef<double> coefficients);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_POLYNOMIAL_H
