//===- Parallel.cpp - the compiler's own threads --------------------------===//

#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

static unsigned requestedThreads = 0;
static thread_local bool insideBody = false;

void picollm::setThreadCount(unsigned threads) {
  requestedThreads = std::min(threads, maxThreads);
}

unsigned picollm::getThreadCount() {
  if (requestedThreads)
    return requestedThreads;
  return std::max(1u, std::thread::hardware_concurrency());
}

void picollm::parallelFor(int64_t count,
                          llvm::function_ref<void(int64_t)> body) {
  int64_t threads = std::min<int64_t>(getThreadCount(), count);
  if (threads <= 1 || insideBody) {
    for (int64_t i = 0; i < count; ++i)
      body(i);
    return;
  }
  std::atomic<int64_t> next{0};
  auto work = [&] {
    insideBody = true;
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      body(i);
    insideBody = false;
  };
  std::vector<std::thread> pool;
  // Where the system gives fewer threads than are wanted, these do the work.
  try {
    for (int64_t t = 1; t < threads; ++t)
      pool.emplace_back(work);
  } catch (const std::system_error &) {
  }
  work();
  for (std::thread &thread : pool)
    thread.join();
}

void picollm::parallelForTiles(
    int64_t count, int64_t tile,
    llvm::function_ref<void(int64_t, int64_t)> body) {
  parallelFor((count + tile - 1) / tile, [&](int64_t i) {
    const int64_t first = i * tile;
    body(first, std::min(tile, count - first));
  });
}

llvm::Error
picollm::tryParallelFor(int64_t count,
                        llvm::function_ref<llvm::Error(int64_t)> body) {
  std::mutex mutex;
  llvm::Error failure = llvm::Error::success();
  std::atomic<int64_t> failed{count}; ///< the least
  parallelFor(count, [&](int64_t i) {
    // Those before it may fail too.
    if (i > failed)
      return;
    llvm::Error error = body(i);
    if (!error)
      return;
    std::lock_guard<std::mutex> lock(mutex);
    if (i > failed) {
      llvm::consumeError(std::move(error));
      return;
    }
    failed = i;
    llvm::consumeError(std::move(failure));
    failure = std::move(error);
  });
  return failure;
}

llvm::Error picollm::tryParallelForTiles(
    int64_t count, int64_t tile,
    llvm::function_ref<llvm::Error(int64_t, int64_t)> body) {
  return tryParallelFor((count + tile - 1) / tile, [&](int64_t i) {
    const int64_t first = i * tile;
    return body(first, std::min(tile, count - first));
  });
}
