// CPUs that say what the test wants, in the words of Intel's manual (SDM,
// volume 2, CPUID; volume 1, 13.3 for XCR0).
#include "X86Features.h"

#include "gtest/gtest.h"
#include <map>

using namespace picollm::runtime;

namespace {

class LyingCpu : public X86Cpu {
public:
  CpuidRegisters cpuid(uint32_t leaf, uint32_t subleaf) const override {
    auto answer = answers.find({leaf, subleaf});
    return answer == answers.end() ? otherwise : answer->second;
  }
  uint64_t enabledState() const override {
    // Without OSXSAVE the instruction is an illegal one.
    EXPECT_TRUE((cpuid(1, 0)[2] >> 27) & 1);
    return state;
  }

  std::map<std::pair<uint32_t, uint32_t>, CpuidRegisters> answers;
  CpuidRegisters otherwise = {};
  uint64_t state = 0;
};

constexpr uint32_t bit(int index) { return uint32_t(1) << index; }

/// AVX2, F16C, FMA, BMI2 and LZCNT, under a system that saves YMM.
LyingCpu haswell() {
  LyingCpu cpu;
  cpu.answers[{0, 0}] = {13, 0, 0, 0};
  cpu.answers[{1, 0}] = {
      0, 0, bit(12) | bit(19) | bit(23) | bit(26) | bit(27) | bit(28) | bit(29),
      bit(25) | bit(26)};
  cpu.answers[{7, 0}] = {0, bit(3) | bit(5) | bit(8), 0, 0};
  cpu.answers[{0x80000000, 0}] = {0x80000008, 0, 0, 0};
  cpu.answers[{0x80000001, 0}] = {0, 0, bit(0) | bit(5), 0};
  cpu.state = 7; // x87, XMM, YMM
  return cpu;
}

} // namespace

TEST(X86Features, AreThoseThatTheCpuSaysItHas) {
  const LyingCpu cpu = haswell();
  for (const char *name : {"avx", "avx2", "f16c", "fma", "bmi", "bmi2", "lzcnt",
                           "sse4.1", "popcnt", "sahf", "sse2"})
    EXPECT_TRUE(cpu.hasFeature(name)) << name;
  for (const char *name : {"avx512f", "avxvnni", "sse4.2", "sha", "aes", "fma4",
                           "neon", "no-such-feature", ""})
    EXPECT_FALSE(cpu.hasFeature(name)) << name;
}

// What a virtual machine may hide from its guests.
TEST(X86Features, OneThatIsHiddenIsMissing) {
  LyingCpu cpu = haswell();
  cpu.answers[{7, 0}][1] &= ~bit(5);
  EXPECT_FALSE(cpu.hasFeature("avx2"));
  EXPECT_TRUE(cpu.hasFeature("avx"));
  EXPECT_TRUE(cpu.hasFeature("bmi2"));
}

TEST(X86Features, RegistersThatTheSystemDoesNotSaveMayNotBeUsed) {
  LyingCpu cpu = haswell();
  for (uint64_t state : {0, 1, 2, 3, 4, 5}) {
    cpu.state = state;
    for (const char *name : {"avx", "avx2", "f16c", "fma"})
      EXPECT_FALSE(cpu.hasFeature(name)) << name << ", XCR0 " << state;
    EXPECT_TRUE(cpu.hasFeature("bmi2")); // general registers
  }
  // A system that does not know XSAVE at all; XGETBV must not be run.
  cpu.state = 7;
  cpu.answers[{1, 0}][2] &= ~bit(27);
  EXPECT_FALSE(cpu.hasFeature("avx2"));
  EXPECT_TRUE(cpu.hasFeature("sse4.1"));
}

TEST(X86Features, WiderRegistersNeedMoreState) {
  LyingCpu cpu = haswell();
  cpu.answers[{7, 0}][1] |= bit(16) | bit(31);
  EXPECT_FALSE(cpu.hasFeature("avx512f"));
  EXPECT_TRUE(cpu.hasFeature("avx2"));
  cpu.state = 0xe7;
  EXPECT_TRUE(cpu.hasFeature("avx512f"));
  EXPECT_TRUE(cpu.hasFeature("avx512vl"));
  cpu.state = 0x67; // without the upper sixteen registers
  EXPECT_FALSE(cpu.hasFeature("avx512f"));
}

// Intel's CPUs answer a leaf above the highest with the highest one's contents.
TEST(X86Features, LeavesThatAreNotThereAreNotBelieved) {
  LyingCpu cpu = haswell();
  cpu.otherwise = {~0u, ~0u, ~0u, ~0u};
  cpu.answers.erase({7, 0});
  cpu.answers.erase({0x80000001, 0});
  cpu.answers[{0, 0}] = {6, 0, 0, 0};
  cpu.answers[{0x80000000, 0}] = {0x80000000, 0, 0, 0};
  for (const char *name : {"avx2", "bmi2", "avxvnni", "lzcnt", "fma4"})
    EXPECT_FALSE(cpu.hasFeature(name)) << name;
  EXPECT_TRUE(cpu.hasFeature("avx"));
}

TEST(X86Features, SubleavesThatAreNotThereAreNotBelieved) {
  LyingCpu cpu = haswell();
  cpu.answers[{7, 1}] = {bit(4), 0, 0, bit(4)};
  EXPECT_FALSE(cpu.hasFeature("avxvnni"));
  EXPECT_FALSE(cpu.hasFeature("avxvnniint8"));
  cpu.answers[{7, 0}][0] = 1; // the highest subleaf
  EXPECT_TRUE(cpu.hasFeature("avxvnni"));
  EXPECT_TRUE(cpu.hasFeature("avxvnniint8"));
}
