//===- ISA.h - the operations that instruction sets differ in ---*- C++ -*-===//
//
// One table of hooks per instruction set. Every hook gives the same bits on
// every set; the portable one is the definition.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_CONVERSION_ISA_H
#define PICOLLM_LIB_CONVERSION_ISA_H

#include "KernelBuilder.h"

namespace picollm {

struct InstructionHooks {
  /// u: u8 x 32, s: i8 x 32 -> i16 x 16: u[2i] s[2i] + u[2i+1] s[2i+1], which
  /// must fit int16.
  Value (*multiplyPairs)(KernelBuilder &k, Value u, Value s);
  /// As multiplyPairs for a signed w in -128..127; s in -127..127.
  Value (*multiplySignedPairs)(KernelBuilder &k, Value w, Value s);
  /// i16 x 16 -> i32 x 8: sums of neighbours.
  Value (*addPairs)(KernelBuilder &k, Value a);
  /// Loads a table of 16 int8 for `lookUp`.
  Values (*loadTable)(KernelBuilder &k, Value pointer);
  /// index: i8 x 32 in 0..15 -> i8 x 32: table[index].
  Value (*lookUp)(KernelBuilder &k, const Values &table, Value index);
  /// Bits of f16 (i16 x 8), finite -> f32 x 8.
  Value (*extendHalf)(KernelBuilder &k, Value bits);
  /// f32 x 8 -> bits of f16 (i16 x 8), rounded to nearest even.
  Value (*truncateToHalf)(KernelBuilder &k, Value a);
};

const InstructionHooks &hooksOf(InstructionSet isa);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_ISA_H
