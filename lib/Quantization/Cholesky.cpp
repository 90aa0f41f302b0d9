//===- Cholesky.cpp - triangular factors on all threads -------------------===//

#include "Cholesky.h"
#include "picollm/Support/Blas.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cblas.h>

using namespace picollm;

extern "C" void dpotrf_(const char *uplo, const int *n, double *a,
                        const int *lda, int *info);

/// Rows and columns of a tile; fixed, as sums must not depend on the threads.
static constexpr int64_t tile = 192;

/// Tile by tile to the right: the diagonal one, those below it, then what they
/// take from all that follow.
bool picollm::factorCholesky(std::vector<double> &a, int64_t n) {
  prepareBlas();
  auto at = [&](int64_t i, int64_t j) { return a.data() + i * n + j; };
  const int stride = int(n);
  for (int64_t k = 0; k < n; k += tile) {
    const int size = int(std::min(tile, n - k));
    int info = 0;
    // Column-major: the lower triangle is LAPACK's upper one.
    dpotrf_("U", &size, at(k, k), &stride, &info);
    if (info != 0)
      return false;
    const int64_t first = k + size, below = (n - first + tile - 1) / tile;
    auto rowOf = [&](int64_t t) { return first + t * tile; };
    auto rowsOf = [&](int64_t t) { return std::min(tile, n - rowOf(t)); };
    parallelFor(below, [&](int64_t t) {
      cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans,
                  CblasNonUnit, rowsOf(t), size, 1.0, at(k, k), n,
                  at(rowOf(t), k), n);
    });
    // Tile (i, j), j <= i, is number i (i + 1) / 2 + j.
    parallelFor(below * (below + 1) / 2, [&](int64_t number) {
      int64_t i = 0;
      while ((i + 1) * (i + 2) / 2 <= number)
        ++i;
      const int64_t j = number - i * (i + 1) / 2;
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rowsOf(i), rowsOf(j),
                  size, -1.0, at(rowOf(i), k), n, at(rowOf(j), k), n, 1.0,
                  at(rowOf(i), rowOf(j)), n);
    });
  }
  return true;
}

void picollm::invertLower(
    const std::vector<double> &lower, int64_t n,
    llvm::function_ref<void(int64_t, int64_t, const double *)> visit) {
  prepareBlas();
  parallelForTiles(n, tile, [&](int64_t first, int64_t count) {
    std::vector<double> columns((n - first) * count);
    for (int64_t c = 0; c < count; ++c)
      columns[c * count + c] = 1;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans,
                CblasNonUnit, n - first, count, 1.0,
                lower.data() + first * n + first, n, columns.data(), count);
    visit(first, count, columns.data());
  });
}
