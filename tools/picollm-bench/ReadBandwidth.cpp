#include "ReadBandwidth.h"
#include "Together.h"

#include <atomic>

ReadBandwidth::ReadBandwidth(uint64_t bytes) : words(bytes / sizeof(uint64_t)) {
  for (size_t i = 0; i < words.size(); ++i)
    words[i] = i * 0x9e3779b97f4a7c15;
}

/// Independent sums, so that the loads and not the additions take the time.
static uint64_t sumOf(const uint64_t *words, size_t count) {
  constexpr size_t lanes = 32;
  uint64_t sums[lanes] = {};
  for (size_t i = 0; i + lanes <= count; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += words[i + lane];
  uint64_t sum = 0;
  for (uint64_t partial : sums)
    sum += partial;
  return sum;
}

double ReadBandwidth::measure(int threads) {
  std::atomic<uint64_t> total{0};
  const size_t part = words.size() / size_t(threads);
  const double seconds = secondsTogether(threads, [&](int thread) {
    total += sumOf(words.data() + part * size_t(thread), part);
  });
  sink = sink + total;
  return double(part * size_t(threads) * sizeof(uint64_t)) / seconds;
}
