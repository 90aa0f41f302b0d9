#include "CpuFeatures.h"
#include "System.h"
#include "X86Features.h"

#include <algorithm>

#if defined(__x86_64__) || defined(_M_X64)
#define PICOLLM_X86_64 1
#ifdef _MSC_VER
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace picollm::runtime {

#ifdef PICOLLM_X86_64

namespace {
class ThisCpu : public X86Cpu {
public:
  CpuidRegisters cpuid(uint32_t leaf, uint32_t subleaf) const override {
    CpuidRegisters r;
#ifdef _MSC_VER
    __cpuidex(reinterpret_cast<int *>(r.data()), int(leaf), int(subleaf));
#else
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
#endif
    return r;
  }

  uint64_t enabledState() const override {
#ifdef _MSC_VER
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return uint64_t(high) << 32 | low;
#endif
  }
};
} // namespace

static bool hasFeature(const std::string &name) {
  return ThisCpu().hasFeature(name);
}

#else

static bool hasFeature(const std::string &name) {
  return systemHasCpuFeature(name);
}

#endif

std::vector<std::string> missingCpuFeatures(const std::string &features) {
  std::vector<std::string> missing;
  for (size_t begin = 0; begin < features.size();) {
    const size_t end = std::min(features.find(',', begin), features.size());
    std::string name = features.substr(begin, end - begin);
    if (!name.empty() && name[0] == '+')
      name.erase(0, 1);
    if (!name.empty() && !hasFeature(name))
      missing.push_back(name);
    begin = end + 1;
  }
  return missing;
}

} // namespace picollm::runtime
