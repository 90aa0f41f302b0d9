//===- ParallelTest.cpp - loops over several threads ----------------------===//

#include "picollm/Support/Parallel.h"
#include <atomic>
#include <gtest/gtest.h>
#include <numeric>
#include <thread>
#include <vector>

using namespace picollm;

namespace {

/// Threads as wanted, while it lives.
struct Threads {
  explicit Threads(unsigned count) { setThreadCount(count); }
  ~Threads() { setThreadCount(0); }
};

TEST(Parallel, EveryIndexIsVisitedOnceByAnyNumberOfThreads) {
  for (unsigned threads : {1u, 2u, 3u, 16u}) {
    Threads wanted(threads);
    for (int64_t count : {0, 1, 2, 15, 1000}) {
      // Plain numbers: parallelFor's end orders them before they are read.
      std::vector<int> visits(count);
      parallelFor(count, [&](int64_t i) { ++visits[i]; });
      EXPECT_EQ(visits, std::vector<int>(count, 1)) << threads << " " << count;
    }
  }
}

TEST(Parallel, TheFirstFailureIsTheOneThatIsTold) {
  for (unsigned threads : {1u, 2u, 16u}) {
    Threads wanted(threads);
    std::atomic<int> visits{0};
    auto fail = [&](int64_t i) -> llvm::Error {
      ++visits;
      if (i % 100 == 37)
        return llvm::createStringError(std::to_string(i));
      return llvm::Error::success();
    };
    EXPECT_EQ(llvm::toString(tryParallelFor(1000, fail)), "37") << threads;
    if (threads == 1) {
      EXPECT_EQ(visits, 38);
    }
    EXPECT_FALSE(tryParallelFor(37, fail)) << threads;
  }
}

TEST(Parallel, ThreadsAreLimited) {
  Threads wanted(4000000000u);
  EXPECT_EQ(getThreadCount(), maxThreads);
  std::atomic<int> visits{0};
  parallelFor(3, [&](int64_t) { ++visits; });
  EXPECT_EQ(visits, 3);
}

TEST(Parallel, WorkIsSharedByThreads) {
  Threads wanted(4);
  // Each body waits for the others: one thread alone would never end.
  std::atomic<int> arrived{0};
  parallelFor(4, [&](int64_t) {
    ++arrived;
    while (arrived < 4)
      std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 4);
}

TEST(Parallel, LoopInsideABodyRunsOnItsThread) {
  Threads wanted(4);
  std::vector<int64_t> sums(8);
  std::atomic<int> strangers{0};
  parallelFor(8, [&](int64_t i) {
    std::thread::id outer = std::this_thread::get_id();
    parallelFor(100, [&](int64_t j) {
      strangers += std::this_thread::get_id() != outer;
      sums[i] += j;
    });
  });
  EXPECT_EQ(strangers, 0);
  EXPECT_EQ(sums, std::vector<int64_t>(8, 4950));
}

TEST(Parallel, LoopsAfterEachOtherSeeWhatWasWritten) {
  Threads wanted(4);
  std::vector<int64_t> numbers(64);
  for (int round = 0; round < 50; ++round)
    parallelFor(64, [&](int64_t i) { numbers[i] += i; });
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), int64_t(0)),
            50 * 64 * 63 / 2);
}

} // namespace
