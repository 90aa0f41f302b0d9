#include "ThreadPool.h"

#include "gtest/gtest.h"
#include <cfenv>

using namespace picollm::runtime;

namespace {
struct Shared {
  Barrier *barrier;
  std::vector<int> values; // one per thread; only its thread writes it
  std::atomic<int> mistakes{0};
};
} // namespace

// Each round every thread adds the values that all threads had before it.
static void addAll(void *argument, int32_t thread, int32_t threads) {
  auto &shared = *static_cast<Shared *>(argument);
  for (int round = 0; round < 50; ++round) {
    int sum = 0;
    for (int32_t other = 0; other < threads; ++other)
      sum += shared.values[size_t(other)];
    shared.barrier->wait();
    if (sum != threads * shared.values[size_t(thread)])
      ++shared.mistakes;
    ++shared.values[size_t(thread)];
    shared.barrier->wait();
  }
}

// 7 threads are more than the cores of many machines: none may starve.
TEST(ThreadPool, ThreadsMeetAtEveryBarrierOfEveryRun) {
  for (int32_t threads : {1, 2, 3, 7}) {
    ThreadPool pool;
    pool.start(threads);
    Shared shared;
    shared.barrier = &pool.getBarrier();
    shared.values.assign(size_t(threads), 0);
    for (int run = 0; run < 40; ++run)
      pool.run(addAll, &shared);
    EXPECT_EQ(shared.mistakes, 0) << threads << " threads";
    EXPECT_EQ(shared.values, std::vector<int>(size_t(threads), 40 * 50));
  }
}

TEST(ThreadPool, WakesThreadsThatFellAsleep) {
  ThreadPool pool;
  pool.start(3);
  std::atomic<int> calls{0};
  for (int run = 0; run < 5; ++run) {
    pool.run([](void *count, int32_t,
                int32_t) { ++*static_cast<std::atomic<int> *>(count); },
             &calls);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(calls, 15);
}

// This and the next would never end if threads kept polling.
TEST(ThreadPool, ThreadsWithNothingToRunSleep) {
  ThreadPool pool;
  pool.start(3);
  for (int run = 0; run < 3; ++run) {
    while (pool.getSleepers() < 2)
      std::this_thread::yield();
    pool.run([](void *, int32_t, int32_t) {}, nullptr);
  }
}

TEST(ThreadPool, ThreadsThatWaitLongAtABarrierSleep) {
  ThreadPool pool;
  pool.start(3);
  pool.run(
      [](void *argument, int32_t thread, int32_t) {
        Barrier &barrier = static_cast<ThreadPool *>(argument)->getBarrier();
        for (int32_t late = 0; late < 3; ++late) {
          while (thread == late && barrier.getSleepers() < 2)
            std::this_thread::yield();
          barrier.wait();
        }
      },
      &pool);
}

/// A round in which thread 0 comes when the others have given up polling.
static void lateRound(void *argument, int32_t thread, int32_t threads) {
  Barrier &barrier = static_cast<ThreadPool *>(argument)->getBarrier();
  while (thread == 0 && barrier.getSleepers() < threads - 1)
    std::this_thread::yield();
  barrier.wait();
}

// The first loop ends only if lateness is noticed, the second only if it is
// tried again.
TEST(ThreadPool, LateRoundsEndThePollingForSomeTime) {
  ThreadPool pool;
  pool.start(3);
  ASSERT_TRUE(pool.getBarrier().isPolling());
  while (pool.getBarrier().isPolling())
    pool.run(lateRound, &pool);
  while (!pool.getBarrier().isPolling())
    pool.run(lateRound, &pool);
}

TEST(ThreadPool, LateRoundsThatAreUnevenByNatureTellNothing) {
  ThreadPool pool;
  pool.start(3);
  // At 250 us each, much more than is looked at.
  for (int run = 0; run < 300; ++run)
    pool.run(lateRound, &pool, /*evenRounds=*/false);
  EXPECT_TRUE(pool.getBarrier().isPolling());
}

// --gtest_output=json says how long a round takes; no limit is asked for.
TEST(ThreadPool, ManyRoundsWithoutWork) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t rounds = 100000;
  ThreadPool pool;
  pool.start(2);
  struct Shared {
    Barrier &barrier;
    std::atomic<int64_t> done{0};
  } shared{pool.getBarrier()};
  const Clock::time_point begin = Clock::now();
  pool.run(
      [](void *argument, int32_t, int32_t) {
        auto &shared = *static_cast<Shared *>(argument);
        for (int64_t round = 0; round < rounds; ++round)
          shared.barrier.wait();
        shared.done += rounds;
      },
      &shared);
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(
      Clock::now() - begin);
  EXPECT_EQ(shared.done, 2 * rounds);
  RecordProperty("nanoseconds_per_round", int(time.count() / rounds));
}

TEST(ThreadPool, MayEndWithoutARun) {
  ThreadPool pool;
  pool.start(4);
  EXPECT_EQ(pool.getThreadCount(), 4);
}

// The caller's rounding mode reaches no thread, and the caller keeps it.
TEST(ThreadPool, RoundsToNearestOnEveryThread) {
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  std::atomic<int> others{0};
  {
    ThreadPool pool;
    pool.start(3);
    pool.run(
        [](void *count, int32_t, int32_t) {
          if (std::fegetround() != FE_TONEAREST)
            ++*static_cast<std::atomic<int> *>(count);
        },
        &others);
  }
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(others, 0);
}
