#include "ByteProducts.h"
#include "Together.h"

#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int64_t kRounds = int64_t(1) << 20;
/// Independent sums, so that latency does not count.
constexpr int kSums = 12;

struct Instruction {
  const char *feature;
  int products; ///< that it adds to sums
  /// Does it kRounds * kSums times; returns something of what that gave.
  int32_t (*loop)();
};

#if defined(__x86_64__)
// The empty assembly lets no product be known before the loop.

__attribute__((target("avx512f,avx512vnni"))) int32_t dot512() {
  __m512i a = _mm512_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m512i &sum : sums) {
      asm volatile("" : "+v"(a));
      sum = _mm512_dpbusd_epi32(sum, a, a);
    }
  int32_t found = 0;
  for (const __m512i &sum : sums)
    found += _mm_cvtsi128_si32(_mm512_castsi512_si128(sum));
  return found;
}

__attribute__((target("avx2,avxvnni"))) int32_t dot256() {
  __m256i a = _mm256_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm256_dpbusd_avx_epi32(sum, a, a);
    }
  int32_t found = 0;
  for (const __m256i &sum : sums)
    found += _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
  return found;
}

__attribute__((target("avx2"))) int32_t multiply256() {
  __m256i a = _mm256_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, a));
    }
  int32_t found = 0;
  for (const __m256i &sum : sums)
    found += _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
  return found;
}

/// Best first.
constexpr Instruction instructions[] = {{"avx512vnni", 64, dot512},
                                        {"avxvnni", 32, dot256},
                                        {"avx2", 32, multiply256}};
#else
constexpr Instruction instructions[] = {{"none", 0, nullptr}};
#endif

} // namespace

double byteProductsPerSecond(const std::string &cpuFeatures, int threads) {
  const std::string listed = "," + cpuFeatures + ",";
  for (const Instruction &instruction : instructions) {
    if (listed.find("," + std::string(instruction.feature) + ",") ==
        std::string::npos)
      continue;
    std::atomic<int32_t> used{0};
    const double seconds =
        secondsTogether(threads, [&](int) { used += instruction.loop(); });
    return double(kRounds) * kSums * instruction.products * threads / seconds;
  }
  return 0;
}
