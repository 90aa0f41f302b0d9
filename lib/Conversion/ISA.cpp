//===- ISA.cpp - the table of an instruction set --------------------------===//

#include "ISA.h"

using namespace picollm;
using namespace mlir;

const InstructionHooks &picollm::hooksOf(InstructionSet isa) {
  switch (isa) {
  case InstructionSet::Portable:
    return portableHooks();
  case InstructionSet::AVX2:
    return avx2Hooks();
  case InstructionSet::AVXVNNI:
    return avxVnniHooks();
  case InstructionSet::AVX512:
    return avx512Hooks();
  case InstructionSet::AVX512GFNI:
    return avx512GfniHooks();
  case InstructionSet::NEON:
    return neonHooks();
  case InstructionSet::DotProduct:
    return dotProductHooks();
  case InstructionSet::I8MM:
    return i8mmHooks();
  }
  llvm_unreachable("covered switch");
}

/// Brings the low (0) or high (1) 8 bytes of each 16 of two vectors together in
/// pairs, as the unpack instructions of x86.
Value picollm::addInterleaved(KernelBuilder &k, Value sums, Value low,
                              Value high, int64_t weight, int64_t half,
                              Value (*multiply)(KernelBuilder &, Value,
                                                Value)) {
  SmallVector<int64_t> lanes;
  for (int64_t base : {0, 16})
    for (int64_t i = 0; i < 8; ++i) {
      lanes.push_back(base + 8 * half + i);
      lanes.push_back(base + 8 * half + i + 32);
    }
  return k.add(sums, multiply(k, k.constant(low.getType(), weight),
                              k.shuffle(low, high, lanes)));
}

Value picollm::extendHalfByInstruction(KernelBuilder &k, Value bits) {
  return arith::ExtFOp::create(k.b, k.vec(8, k.f32),
                               k.bitcast(bits, k.vec(8, k.f16)));
}

Value picollm::truncateToHalfByInstruction(KernelBuilder &k, Value a) {
  return k.bitcast(arith::TruncFOp::create(k.b, k.vec(8, k.f16), a),
                   k.vec(8, k.i16));
}
