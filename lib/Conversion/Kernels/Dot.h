//===- Dot.h - the inner kernels of a matrix product ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_DOT_H
#define PICOLLM_LIB_CONVERSION_KERNELS_DOT_H

#include "../KernelBuilder.h"

namespace picollm {

/// Arguments of a dot kernel, see DotKernel.
struct DotArguments {
  Value weights, values, scales, sums, columns, stride, rowSums;
};

void emitPlanes(KernelBuilder &k, int64_t bits, int64_t tokens,
                const DotArguments &arguments);
void emitFields(KernelBuilder &k, int64_t bits, int64_t tokens,
                const DotArguments &arguments);
void emitHalf(KernelBuilder &k, int64_t tokens, const DotArguments &arguments);

/// rowSums[8 * group ..] of `token` += float(sum) * scale, for sum: i32 x 8.
void addBlock(KernelBuilder &k, const DotArguments &arguments, int64_t token,
              int64_t group, Value sum, Value scale);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_DOT_H
