#include "Epoch.h"

#include <thread>

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

void Epoch::advance() {
  // Sequentially consistent, as the sleepers' count: either this thread sees a
  // sleeper, or the sleeper sees the new number before it sleeps.
  number.fetch_add(1);
  if (sleepers.load() == 0)
    return;
  // A sleeper is now either before its look at the number or asleep.
  {
    std::lock_guard<std::mutex> lock(mutex);
  }
  wakeUp.notify_all();
}

std::chrono::nanoseconds Epoch::waitWhile(uint32_t seen, Polling polling) {
  using Clock = std::chrono::steady_clock;
  // Most waits are shorter than asking for the time some times.
  const int32_t pausesPerLook = polling.yields ? 1 : 64;
  auto isOver = [&] {
    for (int32_t i = 0; i < pausesPerLook; ++i) {
      if (get() != seen)
        return true;
      pauseCore();
    }
    return false;
  };
  if (polling.time > polling.time.zero() && isOver())
    return {};
  const Clock::time_point begin = Clock::now();
  while (Clock::now() - begin < polling.time) {
    if (isOver())
      return {};
    if (polling.yields)
      std::this_thread::yield();
  }
  while (Clock::now() - begin < polling.patience) {
    if (get() != seen)
      return Clock::now() - begin;
    std::this_thread::yield();
  }
  std::unique_lock<std::mutex> lock(mutex);
  sleepers.fetch_add(1);
  wakeUp.wait(lock, [&] { return number.load() != seen; });
  sleepers.fetch_sub(1);
  return Clock::now() - begin;
}

} // namespace picollm::runtime
