//===- VNNI.cpp - x86-64 with AVX-VNNI, and with AVX-512 and its VNNI -----===//

#include "../ISA.h"

using namespace picollm;

/// Without AVX-512, LLVM encodes the narrow one as AVX-VNNI has it.
static Value dotUnsignedEight(KernelBuilder &k, Value sums, Value u, Value s) {
  return k.intrinsic("llvm.x86.avx512.vpdpbusd.256", k.vec(8, k.i32),
                     {sums, u, s});
}

static Value dotUnsignedSixteen(KernelBuilder &k, Value sums, Value u,
                                Value s) {
  return k.intrinsic("llvm.x86.avx512.vpdpbusd.512", k.vec(16, k.i32),
                     {sums, u, s});
}

const InstructionHooks &picollm::avxVnniHooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = avx2Hooks();
    table.dotUnsigned = dotUnsignedEight;
    table.dotUnsignedRows = 8;
    return table;
  }();
  return hooks;
}

const InstructionHooks &picollm::avx512Hooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = avx2Hooks();
    table.dotUnsigned = dotUnsignedSixteen;
    table.dotUnsignedRows = 16;
    return table;
  }();
  return hooks;
}
