// Work of several threads that begin at the same time.
#ifndef PICOLLM_BENCH_TOGETHER_H
#define PICOLLM_BENCH_TOGETHER_H

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

/// Seconds until work(0) to work(threads - 1), a thread each, are done.
template <typename Work> double secondsTogether(int threads, Work work) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back([&, thread] {
      ++ready;
      while (!go)
        std::this_thread::yield();
      work(thread);
    });
  while (ready < threads - 1)
    std::this_thread::yield();
  const Clock::time_point start = Clock::now();
  go = true;
  work(0);
  for (std::thread &other : others)
    other.join();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

#endif
