//===- AVX512.cpp - x86-64 with AVX-512 and its VNNI ----------------------===//

#include "../ISA.h"

using namespace picollm;

static Value dotUnsigned(KernelBuilder &k, Value sums, Value u, Value s) {
  return k.intrinsic("llvm.x86.avx512.vpdpbusd.512", k.vec(16, k.i32),
                     {sums, u, s});
}

const InstructionHooks &picollm::avx512Hooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = avx2Hooks();
    table.productTokens = 8;
    table.dotUnsigned = dotUnsigned;
    return table;
  }();
  return hooks;
}
