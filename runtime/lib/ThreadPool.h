// The threads of a session. They run one function together and meet at
// barriers inside it; there are no tasks and no queue.
#ifndef PICOLLM_RUNTIME_THREADPOOL_H
#define PICOLLM_RUNTIME_THREADPOOL_H

#include "Epoch.h"

#include <thread>
#include <vector>

namespace picollm::runtime {

/// Lets a fixed number of threads wait for each other, again and again.
///
/// They poll, because a stage of a token takes microseconds and waking a thread
/// as long. But a thread that polls keeps a core from the one it waits for, if
/// other programs want the cores too: when most of the time goes into waiting
/// for threads without a core, rounds sleep at once for some time.
class Barrier {
public:
  /// `yields`: see Polling.
  void configure(int32_t threads, bool yields);
  /// Before and after some rounds. `even`: threads that have a core each reach
  /// them at about the same time, so that a late round tells something.
  void beginRounds(bool even);
  void endRounds();
  void wait();

  /// Threads that sleep in wait.
  int32_t getSleepers() const { return round.getSleepers(); }
  /// Whether the next rounds poll. Not during rounds.
  bool isPolling() const { return polls; }

private:
  using Clock = std::chrono::steady_clock;

  int32_t threadCount = 1;
  bool yields = false;
  // Changed between rounds only.
  bool even = true;
  bool polls = true;
  Clock::time_point roundsBegin, pollAgain;
  Clock::duration notedTime{0}; ///< of even rounds that polled
  /// Nanoseconds that all threads together have waited in those, where one was
  /// late.
  std::atomic<int64_t> lateTime{0};
  alignas(64) std::atomic<int32_t> arrived{0};
  Epoch round;
};

class ThreadPool {
public:
  /// Runs on every thread, with its index.
  using Function = void (*)(void *argument, int32_t thread, int32_t threads);

  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Starts threads - 1 threads; the caller of run is thread 0. Called once.
  /// Throws std::system_error.
  void start(int32_t threads);

  /// Runs the function on all threads and returns when all are done. The
  /// floating-point environment is the default one on each of them.
  /// `evenRounds`: see Barrier::beginRounds.
  void run(Function function, void *argument, bool evenRounds = true);

  int32_t getThreadCount() const { return threadCount; }
  /// Threads that have gone to sleep because nothing is run.
  int32_t getSleepers() const { return runs.getSleepers(); }
  /// For the function that is being run.
  Barrier &getBarrier() { return barrier; }

private:
  void work(int32_t thread);

  int32_t threadCount = 1;
  std::vector<std::thread> workers;
  Barrier barrier;

  Function function = nullptr;
  void *argument = nullptr;
  bool stopping = false;

  // Counts the runs: a change tells the workers to start one. The fields above
  // are written before it changes and read after.
  Epoch runs;
};

} // namespace picollm::runtime

#endif
