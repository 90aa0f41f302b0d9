//===- Parallel.h - the compiler's own threads ------------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_PARALLEL_H
#define PICOLLM_SUPPORT_PARALLEL_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace picollm {

inline constexpr unsigned maxThreads = 1024;

/// Threads that parallelFor uses, at most maxThreads; 0 (the default) means one
/// per core. Set by -j once at start.
void setThreadCount(unsigned threads);
unsigned getThreadCount();

/// Calls body(i) for every i in [0, count), on several threads, in any order,
/// and returns when all are done. The way work is cut never depends on the
/// number of threads: that is the caller's choice of `count`, so results are
/// equal for every -j. A parallelFor inside a body runs on the calling thread.
void parallelFor(int64_t count, llvm::function_ref<void(int64_t)> body);

/// The same in tiles: body(first, size) for first = 0, tile, 2 * tile, ...
/// below `count`; size is `tile`, of the last one what is left.
void parallelForTiles(int64_t count, int64_t tile,
                      llvm::function_ref<void(int64_t, int64_t)> body);

/// parallelFor for bodies that may fail: the error of the least i that has
/// failed. Once one has, those that were not begun are left out.
llvm::Error tryParallelFor(int64_t count,
                           llvm::function_ref<llvm::Error(int64_t)> body);

/// The same in tiles, as parallelForTiles.
llvm::Error
tryParallelForTiles(int64_t count, int64_t tile,
                    llvm::function_ref<llvm::Error(int64_t, int64_t)> body);

} // namespace picollm

#endif // PICOLLM_SUPPORT_PARALLEL_H
