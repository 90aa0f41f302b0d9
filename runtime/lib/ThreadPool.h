// The threads of a session. They run one function together and meet at
// barriers inside it; there are no tasks and no queue.
#ifndef PICOLLM_RUNTIME_THREADPOOL_H
#define PICOLLM_RUNTIME_THREADPOOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace picollm::runtime {

/// Lets a fixed number of threads wait for each other, again and again.
class Barrier {
public:
  /// `spins`: how often to look before giving the core to others.
  void configure(int32_t threads, int32_t spins) {
    threadCount = threads;
    spinCount = spins;
  }
  void wait();

private:
  int32_t threadCount = 1;
  int32_t spinCount = 0;
  // On their own cache lines: one is written by all, the other polled by all.
  alignas(64) std::atomic<int32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> round{0};
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
  void run(Function function, void *argument);

  int32_t getThreadCount() const { return threadCount; }
  /// For the function that is being run.
  Barrier &getBarrier() { return barrier; }

private:
  void work(int32_t thread);
  void waitForRun(uint32_t seen);

  int32_t threadCount = 1;
  int32_t idleSpins = 0;
  std::vector<std::thread> workers;
  Barrier barrier;

  Function function = nullptr;
  void *argument = nullptr;
  bool stopping = false;

  // Counts the runs: a change tells the workers to start one. The fields above
  // are written before it changes and read after.
  alignas(64) std::atomic<uint32_t> runs{0};
  alignas(64) std::atomic<int32_t> sleepers{0};
  std::mutex mutex;
  std::condition_variable wakeUp;
};

} // namespace picollm::runtime

#endif
