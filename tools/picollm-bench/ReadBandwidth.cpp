#include "ReadBandwidth.h"
#include "Together.h"

#include <atomic>

ReadBandwidth::ReadBandwidth(uint64_t bytes) : words(bytes / sizeof(uint64_t)) {
  for (size_t i = 0; i < words.size(); ++i)
    words[i] = i * 0x9e3779b97f4a7c15;
}

// How the kernels read: vectors, and what comes soon asked for before.
static constexpr size_t kLanes = 32;
static constexpr size_t kPrefetchedWords = 3072 / sizeof(uint64_t);

/// Independent sums, so that the loads and not the additions take the time.
static inline __attribute__((always_inline)) uint64_t
sumOf(const uint64_t *words, size_t count) {
  uint64_t sums[kLanes] = {};
  for (size_t i = 0; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; lane += 64 / sizeof(uint64_t))
      __builtin_prefetch(words + i + lane + kPrefetchedWords);
    for (size_t lane = 0; lane < kLanes; ++lane)
      sums[lane] += words[i + lane];
  }
  uint64_t sum = 0;
  for (uint64_t partial : sums)
    sum += partial;
  return sum;
}

static uint64_t portableSum(const uint64_t *words, size_t count) {
  return sumOf(words, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t avx2Sum(const uint64_t *words,
                                                        size_t count) {
  return sumOf(words, count);
}
static const auto bestSum =
    __builtin_cpu_supports("avx2") ? avx2Sum : portableSum;
#else
static const auto bestSum = portableSum;
#endif

double ReadBandwidth::measure(int threads) {
  std::atomic<uint64_t> total{0};
  const size_t part = words.size() / size_t(threads);
  const double seconds = secondsTogether(threads, [&](int thread) {
    total += bestSum(words.data() + part * size_t(thread), part);
  });
  sink = sink + total;
  return double(part * size_t(threads) * sizeof(uint64_t)) / seconds;
}
