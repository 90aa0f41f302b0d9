//===- Cholesky.h - triangular factors on all threads -----------*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_CHOLESKY_H
#define PICOLLM_LIB_QUANTIZATION_CHOLESKY_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <vector>

namespace picollm {

/// In place, row by row: the lower triangle of the symmetric n x n matrix `a`
/// becomes that of L with a = L L^T; what lies above the diagonal is not read
/// and may change. False where `a` is not positive definite: then part of the
/// work is done. Equal for every number of threads.
bool factorCholesky(std::vector<double> &a, int64_t n);

/// Calls visit(first, count, columns) once for each block of columns of L^-1:
/// columns[i * count + c] is entry (first + i, first + c), i < n - first. The
/// calls come from several threads.
void invertLower(const std::vector<double> &lower, int64_t n,
                 llvm::function_ref<void(int64_t first, int64_t count,
                                         const double *columns)>
                     visit);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_CHOLESKY_H
