//===- Main.cpp - picollm-attention-generator -----------------------------===//
//
//   picollm-attention-generator OUTPUT.bc TARGET HEAD_SIZE GROUP whole|windowed
//
// Writes LLVM bitcode that defines picollm_attention_pack, _decode, _prepare,
// _prefill and _finish for a Halide target such as x86-64-linux-avx2-fma.
// `windowed`: a query attends to the last positions only.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace Halide;

static Module buildKernel(const std::string &kernel, const Target &target,
                          const char *headSize, const char *group,
                          bool windowed) {
  auto generator =
      Internal::GeneratorRegistry::create(kernel, GeneratorContext(target));
  generator->set_generatorparam_value("head_size", headSize);
  generator->set_generatorparam_value("group", group);
  generator->set_generatorparam_value("windowed", windowed ? "true" : "false");
  return generator->build_module("picollm_attention_" + kernel);
}

int main(int argc, char **argv) {
  const bool windowed = argc == 6 && std::strcmp(argv[5], "windowed") == 0;
  if (argc != 6 || (!windowed && std::strcmp(argv[5], "whole") != 0)) {
    std::fprintf(stderr,
                 "usage: %s OUTPUT.bc TARGET HEAD_SIZE GROUP whole|windowed\n",
                 argv[0]);
    return 2;
  }
  if (!Target::validate_target_string(argv[2])) {
    std::fprintf(stderr, "%s: '%s' is not a Halide target\n", argv[0], argv[2]);
    return 2;
  }
  Target target = Target(argv[2])
                      .with_feature(Target::NoRuntime)
                      .with_feature(Target::NoAsserts)
                      .with_feature(Target::NoBoundsQuery);
  std::vector<Module> kernels;
  for (const char *kernel : {"pack", "decode", "prepare", "prefill", "finish"})
    kernels.push_back(buildKernel(kernel, target, argv[3], argv[4], windowed));
  link_modules("picollm_attention", kernels)
      .compile({{OutputFileType::bitcode, argv[1]}});
  return 0;
}
