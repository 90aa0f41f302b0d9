#include "ThreadPool.h"
#include "System.h"

#include <cfenv>

namespace picollm::runtime {

/// A thread from which the system has taken the core comes back after a
/// millisecond or more; a round in which somebody waits so long was late.
static constexpr std::chrono::microseconds barrierPolling{250},
    barrierPatience{5000};
/// Between two tokens the caller picks and shows one.
static constexpr std::chrono::microseconds idlePolling{200};
/// After so much time of rounds it is decided how the next ones wait. Sleeping
/// makes a round two to four times as long, so it pays only where more than
/// half of the time is lost. On an idle machine a tenth is, rarely a third;
/// with one other program at work on each second core it is two thirds.
static constexpr std::chrono::milliseconds timeToNote{20}, timeOfSleep{500};

void Barrier::configure(int32_t threads, bool threadsYield) {
  threadCount = threads;
  yields = threadsYield;
}

void Barrier::beginRounds(bool areEven) {
  even = areEven;
  roundsBegin = Clock::now();
}

void Barrier::endRounds() {
  const Clock::time_point end = Clock::now();
  if (!polls) {
    polls = end >= pollAgain;
    return;
  }
  if (!even)
    return;
  notedTime += end - roundsBegin;
  if (notedTime < timeToNote)
    return;
  const std::chrono::nanoseconds late(lateTime.exchange(0) / (threadCount - 1));
  polls = 2 * late <= notedTime;
  pollAgain = end + timeOfSleep;
  notedTime = {};
}

void Barrier::wait() {
  if (threadCount == 1)
    return;
  const uint32_t current = round.get();
  // Once all have arrived the rounds may end and these change.
  const bool pollsNow = polls, isNoted = even;
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threadCount) {
    arrived.store(0, std::memory_order_relaxed);
    round.advance();
    return;
  }
  if (!pollsNow) {
    round.waitWhile(current, {{}, {}, false});
    return;
  }
  const std::chrono::nanoseconds late =
      round.waitWhile(current, {barrierPolling, barrierPatience, yields});
  if (isNoted && late > late.zero())
    lateTime.fetch_add(late.count(), std::memory_order_relaxed);
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
  // One thread never waits, and asking for the cores reads files.
  barrier.configure(threads,
                    /*yields=*/threads > 1 && threads > physicalCores());
  workers.reserve(size_t(threads - 1));
  for (int32_t thread = 1; thread < threads; ++thread)
    workers.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  runs.advance();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(Function newFunction, void *newArgument, bool evenRounds) {
  DefaultFloatEnvironment environment;
  if (threadCount == 1) {
    newFunction(newArgument, 0, 1);
    return;
  }
  function = newFunction;
  argument = newArgument;
  barrier.beginRounds(evenRounds);
  runs.advance();
  newFunction(newArgument, 0, threadCount);
  barrier.wait();
  barrier.endRounds();
}

void ThreadPool::work(int32_t thread) {
  // A new thread inherits its creator's environment.
  std::fesetenv(FE_DFL_ENV);
  for (uint32_t seen = 0;; ++seen) {
    runs.waitWhile(seen, {idlePolling, {}, false});
    if (stopping)
      return;
    function(argument, thread, threadCount);
    barrier.wait();
  }
}

} // namespace picollm::runtime
