#include "ThreadPool.h"
#include "System.h"

#include <cfenv>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace picollm::runtime {

/// Tells the core that this thread is polling.
static inline void pauseCore() {
#if defined(_MSC_VER) && defined(_M_X64)
  _mm_pause();
#elif defined(_MSC_VER) && defined(_M_ARM64)
  __yield();
#elif defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void Barrier::wait() {
  if (threadCount == 1)
    return;
  const uint32_t current = round.load(std::memory_order_relaxed);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threadCount) {
    arrived.store(0, std::memory_order_relaxed);
    round.store(current + 1, std::memory_order_release);
    return;
  }
  for (int32_t i = 0; round.load(std::memory_order_acquire) == current; ++i) {
    if (i < spinCount) {
      pauseCore();
    } else {
      // The missing thread may be waiting for this very core.
      std::this_thread::yield();
    }
  }
}

/// The default floating-point environment as long as it lives: a caller's
/// rounding mode or flushing of subnormals would make results depend on who
/// computed them.
class DefaultFloatEnvironment {
public:
  DefaultFloatEnvironment() {
    std::fegetenv(&saved);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatEnvironment() { std::fesetenv(&saved); }

private:
  std::fenv_t saved;
};

void ThreadPool::start(int32_t threads) {
  threadCount = threads;
  // A pause takes 10 to 50 ns: about 100 us, the time between two tokens.
  const bool enoughCores = threads <= physicalCores();
  idleSpins = enoughCores ? 4000 : 0;
  barrier.configure(threads, enoughCores ? 2000 : 0);
  workers.reserve(size_t(threads - 1));
  for (int32_t thread = 1; thread < threads; ++thread)
    workers.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  runs.fetch_add(1);
  {
    std::lock_guard<std::mutex> lock(mutex);
    wakeUp.notify_all();
  }
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(Function newFunction, void *newArgument) {
  DefaultFloatEnvironment environment;
  if (threadCount == 1) {
    newFunction(newArgument, 0, 1);
    return;
  }
  function = newFunction;
  argument = newArgument;
  // Sequentially consistent, as the sleepers' count: either this thread sees a
  // sleeper, or the sleeper sees the new run before it sleeps.
  runs.fetch_add(1);
  if (sleepers.load() > 0) {
    std::lock_guard<std::mutex> lock(mutex);
    wakeUp.notify_all();
  }
  newFunction(newArgument, 0, threadCount);
  barrier.wait();
}

void ThreadPool::waitForRun(uint32_t seen) {
  for (int32_t i = 0; i < idleSpins; ++i) {
    if (runs.load(std::memory_order_acquire) != seen)
      return;
    pauseCore();
  }
  std::unique_lock<std::mutex> lock(mutex);
  sleepers.fetch_add(1);
  wakeUp.wait(lock, [&] { return runs.load() != seen; });
  sleepers.fetch_sub(1);
}

void ThreadPool::work(int32_t thread) {
  // A new thread inherits its creator's environment.
  std::fesetenv(FE_DFL_ENV);
  for (uint32_t seen = 0;; ++seen) {
    waitForRun(seen);
    if (stopping)
      return;
    function(argument, thread, threadCount);
    barrier.wait();
  }
}

} // namespace picollm::runtime
