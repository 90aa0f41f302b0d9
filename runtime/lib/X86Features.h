// Which instruction set extensions an x86-64 CPU has, from what it says.
#ifndef PICOLLM_RUNTIME_X86FEATURES_H
#define PICOLLM_RUNTIME_X86FEATURES_H

#include <array>
#include <cstdint>
#include <string>

namespace picollm::runtime {

/// EAX, EBX, ECX, EDX after CPUID.
using CpuidRegisters = std::array<uint32_t, 4>;

/// What a CPU answers.
class X86Cpu {
public:
  virtual ~X86Cpu() = default;
  virtual CpuidRegisters cpuid(uint32_t leaf, uint32_t subleaf) const = 0;
  /// XGETBV of XCR0: the registers that the system saves. Only asked where
  /// CPUID says that the instruction may be used.
  virtual uint64_t enabledState() const = 0;

  /// Whether the instructions may be used. `name` is LLVM's; false for one that
  /// is not known here.
  bool hasFeature(const std::string &name) const;
};

} // namespace picollm::runtime

#endif
