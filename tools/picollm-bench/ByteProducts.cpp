#include "ByteProducts.h"
#include "Together.h"

#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr int64_t kRounds = int64_t(1) << 20;
/// Independent sums, so that latency does not count.
constexpr int kSums = 12;

struct Instruction {
  const char *feature;
  int products;   ///< that it adds to sums
  void (*loop)(); ///< does it kRounds * kSums times
};

#if defined(__x86_64__)
// An instruction set's vectors need functions of their own. The empty assembly
// lets no product be known before the loop, and uses the sums.

__attribute__((target("avx512f,avx512vnni"))) void dot512() {
  __m512i a = _mm512_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m512i &sum : sums) {
      asm volatile("" : "+v"(a), "+v"(sum));
      sum = _mm512_dpbusd_epi32(sum, a, a);
    }
}

__attribute__((target("avx2,avxvnni"))) void dot256() {
  __m256i a = _mm256_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(a), "+x"(sum));
      sum = _mm256_dpbusd_avx_epi32(sum, a, a);
    }
}

__attribute__((target("avx2"))) void multiply256() {
  __m256i a = _mm256_set1_epi8(3), sums[kSums] = {};
  for (int64_t round = 0; round < kRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(a), "+x"(sum));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, a));
    }
}
#endif

/// Best first.
const std::vector<Instruction> instructions = {
#if defined(__x86_64__)
    {"avx512vnni", 64, dot512},
    {"avxvnni", 32, dot256},
    {"avx2", 32, multiply256},
#endif
};

} // namespace

double byteProductsPerSecond(const std::string &cpuFeatures, int threads) {
  const std::string listed = "," + cpuFeatures + ",";
  for (const Instruction &instruction : instructions) {
    if (listed.find("," + std::string(instruction.feature) + ",") ==
        std::string::npos)
      continue;
    const double seconds =
        secondsTogether(threads, [&](int) { instruction.loop(); });
    return double(kRounds) * kSums * instruction.products * threads / seconds;
  }
  return 0;
}
