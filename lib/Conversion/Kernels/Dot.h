//===- Dot.h - the inner kernels of a matrix product ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_DOT_H
#define PICOLLM_LIB_CONVERSION_KERNELS_DOT_H

#include "../KernelBuilder.h"
#include "picollm/Conversion/Kernels.h"

namespace picollm {

/// As in names of kernels: "3", or "3g128" where a segment has groups.
std::string nameOfWidth(int64_t bits, int64_t group);

/// Arguments of a dot kernel, see DotKernel.
struct DotArguments {
  Value weights, values, scales, sums, columns, stride, rowSums;
};

void emitPlanes(KernelBuilder &k, const DotKernel &kernel,
                const DotArguments &arguments);
void emitFields(KernelBuilder &k, const DotKernel &kernel,
                const DotArguments &arguments);
void emitHalf(KernelBuilder &k, int64_t tokens, const DotArguments &arguments);

/// rowSums[8 * octet ..] of `token` += float(sum) * scale, for sum: i32 x 8,
/// scale: f32 x 8.
void addBlock(KernelBuilder &k, const DotArguments &arguments, int64_t token,
              int64_t octet, Value sum, Value scale);

/// What 8 rows have of one group of columns.
struct RowGroups {
  Value scales;  ///< d, f32 x 8
  Value offsets; ///< `top` - 2 z, i32 x 8
};

/// Loads that of rows 8 * octet .. for the group that starts at column `begin`
/// of a segment of a tile, whose weights and columns these are.
RowGroups loadGroups(KernelBuilder &k, int64_t bits, Value weights,
                     Value columns, Value begin, int64_t octet, int64_t top);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_DOT_H
