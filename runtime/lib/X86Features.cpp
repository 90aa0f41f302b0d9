#include "X86Features.h"

namespace picollm::runtime {

namespace {

enum Register { EAX, EBX, ECX, EDX };

/// The state that the system must save on a task switch before the
/// instructions may be used: bits of XCR0 (Intel SDM, volume 1, 13.3).
enum State : uint64_t { None = 0, Ymm = 0x06, Zmm = 0xe6 };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  State state;
};

// Intel SDM, volume 2, table 3-8 (CPUID); names as in LLVM's X86.td.
const Feature featureTable[] = {
    {"cx8", 1, 0, EDX, 8, None},
    {"cmov", 1, 0, EDX, 15, None},
    {"mmx", 1, 0, EDX, 23, None},
    {"fxsr", 1, 0, EDX, 24, None},
    {"sse", 1, 0, EDX, 25, None},
    {"sse2", 1, 0, EDX, 26, None},
    {"sse3", 1, 0, ECX, 0, None},
    {"pclmul", 1, 0, ECX, 1, None},
    {"ssse3", 1, 0, ECX, 9, None},
    {"fma", 1, 0, ECX, 12, Ymm},
    {"cx16", 1, 0, ECX, 13, None},
    {"sse4.1", 1, 0, ECX, 19, None},
    {"sse4.2", 1, 0, ECX, 20, None},
    {"crc32", 1, 0, ECX, 20, None},
    {"movbe", 1, 0, ECX, 22, None},
    {"popcnt", 1, 0, ECX, 23, None},
    {"aes", 1, 0, ECX, 25, None},
    {"xsave", 1, 0, ECX, 26, None},
    {"avx", 1, 0, ECX, 28, Ymm},
    {"f16c", 1, 0, ECX, 29, Ymm},
    {"bmi", 7, 0, EBX, 3, None},
    {"avx2", 7, 0, EBX, 5, Ymm},
    {"bmi2", 7, 0, EBX, 8, None},
    {"avx512f", 7, 0, EBX, 16, Zmm},
    {"avx512dq", 7, 0, EBX, 17, Zmm},
    {"avx512ifma", 7, 0, EBX, 21, Zmm},
    {"avx512cd", 7, 0, EBX, 28, Zmm},
    {"sha", 7, 0, EBX, 29, None},
    {"avx512bw", 7, 0, EBX, 30, Zmm},
    {"avx512vl", 7, 0, EBX, 31, Zmm},
    {"avx512vbmi", 7, 0, ECX, 1, Zmm},
    {"avx512vbmi2", 7, 0, ECX, 6, Zmm},
    {"gfni", 7, 0, ECX, 8, None},
    {"vaes", 7, 0, ECX, 9, Ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, Ymm},
    {"avx512vnni", 7, 0, ECX, 11, Zmm},
    {"avx512bitalg", 7, 0, ECX, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Zmm},
    {"avx512fp16", 7, 0, EDX, 23, Zmm},
    {"avxvnni", 7, 1, EAX, 4, Ymm},
    {"avx512bf16", 7, 1, EAX, 5, Zmm},
    {"avxifma", 7, 1, EAX, 23, Ymm},
    {"avxvnniint8", 7, 1, EDX, 4, Ymm},
    {"avxneconvert", 7, 1, EDX, 5, Ymm},
    {"avxvnniint16", 7, 1, EDX, 10, Ymm},
    {"sahf", 0x80000001, 0, ECX, 0, None},
    {"lzcnt", 0x80000001, 0, ECX, 5, None},
    {"fma4", 0x80000001, 0, ECX, 16, Ymm},
};

} // namespace

bool X86Cpu::hasFeature(const std::string &name) const {
  for (const Feature &feature : featureTable) {
    if (name != feature.name)
      continue;
    // A leaf above the highest answers with the contents of another.
    const uint32_t highest = cpuid(feature.leaf & 0x80000000, 0)[EAX];
    if (feature.leaf > highest)
      return false;
    if (feature.subleaf > 0 && feature.subleaf > cpuid(feature.leaf, 0)[EAX])
      return false;
    if (!((cpuid(feature.leaf, feature.subleaf)[feature.reg] >> feature.bit) &
          1))
      return false;
    if (feature.state == None)
      return true;
    const bool systemSavesState = (cpuid(1, 0)[ECX] >> 27) & 1; // OSXSAVE
    return systemSavesState &&
           (enabledState() & feature.state) == feature.state;
  }
  return false;
}

} // namespace picollm::runtime
