#include "CpuFeatures.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

using picollm::runtime::missingCpuFeatures;
using Names = std::vector<std::string>;

TEST(CpuFeatures, NothingIsNeededForPortableCode) {
  EXPECT_EQ(missingCpuFeatures(""), Names());
}

TEST(CpuFeatures, NamesWhatIsMissing) {
  EXPECT_EQ(missingCpuFeatures("no-such,+nor-this"),
            Names({"no-such", "nor-this"}));
}

// LLVM asks the CPU with code of its own.
TEST(CpuFeatures, AgreesWithLLVM) {
#if defined(__x86_64__)
  const Names names = {"cx8",          "cmov",
                       "mmx",          "fxsr",
                       "sse",          "sse2",
                       "sse3",         "pclmul",
                       "ssse3",        "fma",
                       "cx16",         "sse4.1",
                       "sse4.2",       "crc32",
                       "movbe",        "popcnt",
                       "aes",          "xsave",
                       "avx",          "f16c",
                       "bmi",          "avx2",
                       "bmi2",         "avx512f",
                       "avx512dq",     "avx512ifma",
                       "avx512cd",     "sha",
                       "avx512bw",     "avx512vl",
                       "avx512vbmi",   "avx512vbmi2",
                       "gfni",         "vaes",
                       "vpclmulqdq",   "avx512vnni",
                       "avx512bitalg", "avx512vpopcntdq",
                       "avx512fp16",   "avxvnni",
                       "avx512bf16",   "avxifma",
                       "avxvnniint8",  "avxneconvert",
                       "avxvnniint16", "sahf",
                       "lzcnt",        "fma4"};
#elif defined(__aarch64__)
  const Names names = {"neon",    "fp-armv8", "crc", "aes",  "sha2", "lse",
                       "dotprod", "fullfp16", "sve", "sve2", "i8mm", "bf16"};
#else
  const Names names;
#endif
  const llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  for (const std::string &name : names) {
    auto known = host.find(name);
    if (known != host.end())
      EXPECT_EQ(missingCpuFeatures(name).empty(), known->second) << name;
  }
}
