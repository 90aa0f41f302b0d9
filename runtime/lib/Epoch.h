// A number that threads wait to change.
#ifndef PICOLLM_RUNTIME_EPOCH_H
#define PICOLLM_RUNTIME_EPOCH_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace picollm::runtime {

/// How to look for a change before sleeping.
struct Polling {
  std::chrono::nanoseconds time;
  /// From then on until so much time has passed, gives the core to others after
  /// each look: whoever has it back is quicker than a sleeper.
  std::chrono::nanoseconds patience;
  /// Gives the core to others from the beginning: where there are more threads
  /// than cores, one of them may be the one that is waited for.
  bool yields;
};

/// Waiting first polls, which answers within nanoseconds, and after a while
/// sleeps, which leaves the core to whoever needs it: that may be the thread
/// that is waited for.
class Epoch {
public:
  uint32_t get() const { return number.load(std::memory_order_acquire); }

  /// What was written before is seen by those who waited.
  void advance();

  /// Returns when the number is not `seen` any more: how long that took, or 0
  /// where it was less than the time of polling.
  std::chrono::nanoseconds waitWhile(uint32_t seen, Polling polling);

  /// Threads that sleep in waitWhile.
  int32_t getSleepers() const { return sleepers.load(); }

private:
  // Polled by all threads while others may be busy beside it.
  alignas(64) std::atomic<uint32_t> number{0};
  alignas(64) std::atomic<int32_t> sleepers{0};
  std::mutex mutex;
  std::condition_variable wakeUp;
};

} // namespace picollm::runtime

#endif
