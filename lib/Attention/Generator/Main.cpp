//===- Main.cpp - picollm-attention-generator -----------------------------===//
//
//   picollm-attention-generator OUTPUT.bc TARGET HEAD_SIZE GROUP
//                               whole|windowed f16|i8
//
// Writes LLVM bitcode that defines picollm_attention_pack, _decode, _prepare,
// _prefill, _finish and _merge for a Halide target such as
// x86-64-linux-avx2-fma. `windowed`: a query attends to the last positions
// only. `i8`: the type of the KV cache.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace Halide;

static bool isOneOf(const char *argument, const char *first,
                    const char *second) {
  return !std::strcmp(argument, first) || !std::strcmp(argument, second);
}

static Module buildKernel(const std::string &kernel, const Target &target,
                          char **arguments) {
  auto generator =
      Internal::GeneratorRegistry::create(kernel, GeneratorContext(target));
  auto isWord = [&](int argument, const char *word) {
    return std::strcmp(arguments[argument], word) == 0 ? "true" : "false";
  };
  generator->set_generatorparam_value("head_size", arguments[3]);
  generator->set_generatorparam_value("group", arguments[4]);
  generator->set_generatorparam_value("windowed", isWord(5, "windowed"));
  generator->set_generatorparam_value("codes", isWord(6, "i8"));
  return generator->build_module("picollm_attention_" + kernel);
}

int main(int argc, char **argv) {
  if (argc != 7 || !isOneOf(argv[5], "whole", "windowed") ||
      !isOneOf(argv[6], "f16", "i8")) {
    std::fprintf(stderr,
                 "usage: %s OUTPUT.bc TARGET HEAD_SIZE GROUP whole|windowed "
                 "f16|i8\n",
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
  for (const char *kernel :
       {"pack", "decode", "prepare", "prefill", "finish", "merge"})
    kernels.push_back(buildKernel(kernel, target, argv));
  link_modules("picollm_attention", kernels)
      .compile({{OutputFileType::bitcode, argv[1]}});
  return 0;
}
