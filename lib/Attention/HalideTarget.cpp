//===- HalideTarget.cpp - LLVM targets in Halide's words ------------------===//

#include "HalideTarget.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace picollm::attention {

static Expected<std::string> systemName(const Triple &triple) {
  if (triple.isAndroid())
    return "android";
  if (triple.isOSLinux())
    return "linux";
  if (triple.isMacOSX())
    return "osx";
  if (triple.isOSWindows())
    return "windows";
  return createStringError("attention: no kernels for the system of '" +
                           triple.str() +
                           "'; expected linux, android, macos or windows");
}

static StringSet<> enabledFeatures(StringRef features) {
  StringSet<> enabled;
  SmallVector<StringRef> names;
  features.split(names, ',', -1, false);
  for (StringRef name : names) {
    name = name.trim();
    if (name.consume_front("-"))
      enabled.erase(name);
    else {
      name.consume_front("+");
      enabled.insert(name);
    }
  }
  return enabled;
}

/// x86 levels that change the schedules. Each implies those before it in the
/// lists, so what a CPU without F16C but with AVX2 gets is well defined.
static HalideTarget x86Target(StringRef system, const StringSet<> &features) {
  auto has = [&](StringRef name) { return features.contains(name); };
  const bool avx512 = has("avx512f") && has("avx512cd") && has("avx512vl") &&
                      has("avx512dq") && has("avx512bw");
  const bool avx2 = avx512 || has("avx2");
  const bool f16c = avx512 || has("f16c"), fma = avx512 || has("fma");
  const bool avx = avx2 || f16c || fma || has("avx");
  const bool sse41 = avx || has("sse4.1") || has("sse4.2");

  HalideTarget target;
  target.name = ("x86-64-" + system).str();
  auto use = [&](bool enabled, const char *halide, const char *llvm,
                 bool inSuffix) {
    if (!enabled)
      return;
    target.name += std::string("-") + halide;
    target.llvmFeatures += (target.llvmFeatures.empty() ? "+" : ",+");
    target.llvmFeatures += llvm;
    if (inSuffix)
      target.suffix += (target.suffix.empty() ? "" : "_") + std::string(halide);
  };
  use(sse41, "sse41", "sse4.1", !avx);
  use(avx, "avx", "avx", !avx2);
  use(avx2, "avx2", "avx2", !avx512);
  use(f16c, "f16c", "f16c", !avx512);
  use(fma, "fma", "fma", !avx512);
  use(avx512, "avx512_skylake",
      "avx512f,+avx512cd,+avx512vl,+avx512dq,+avx512bw", true);
  if (target.suffix.empty())
    target.suffix = "baseline";
  return target;
}

Expected<HalideTarget> selectHalideTarget(const AttentionTarget &target) {
  const Triple triple(target.triple);
  Expected<std::string> system = systemName(triple);
  if (!system)
    return system.takeError();
  switch (triple.getArch()) {
  case Triple::x86_64:
    return x86Target(*system, enabledFeatures(target.features));
  case Triple::aarch64: {
    HalideTarget arm;
    arm.name = "arm-64-" + *system;
    arm.suffix = "neon";
    arm.llvmFeatures = "+neon";
    return arm;
  }
  default:
    return createStringError("attention: no kernels for the architecture of '" +
                             triple.str() + "'; expected x86_64 or aarch64");
  }
}

} // namespace picollm::attention
