//===- ISA.h - the operations that instruction sets differ in ---*- C++ -*-===//
//
// One table of hooks per instruction set, one file each in ISA/. Hooks of
// numbers give the same bits on every set, and so do sums of products once they
// are those of whole rows; the portable table is the definition.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_CONVERSION_ISA_H
#define PICOLLM_LIB_CONVERSION_ISA_H

#include "KernelBuilder.h"

namespace picollm {

/// i16 x 16 each, with weights in -128..127.
using WeightedWords = llvm::SmallVector<std::pair<Value, int64_t>>;

struct InstructionHooks {
  /// Sums of products of 8 rows with 4 columns each. w, s: i8 x 32, byte
  /// 4 * row + column; s in -127..127.
  ///
  /// i32 x 8: sums + products of w in -128..127. Null where there is no such
  /// instruction; where there is one, the five hooks below are null.
  Value (*dot)(KernelBuilder &k, Value sums, Value w, Value s);
  /// Products that each int16 of a multiplication holds: 1, or 2 that are
  /// added.
  int64_t productsPerWord;
  /// w in 0..127 -> i16 x 32 / productsPerWord. Words may be added while their
  /// sums fit int16.
  Value (*multiply)(KernelBuilder &k, Value w, Value s);
  /// As multiply, for w in -128..127.
  Value (*multiplySigned)(KernelBuilder &k, Value w, Value s);
  /// As multiply, for w or, where `sign` (i8 x 32, never 0) is negative, -w.
  /// Null where multiplySigned serves as well.
  Value (*multiplyWithSign)(KernelBuilder &k, Value w, Value sign, Value s);
  /// sums (i32, half as many as words) + sums of neighbouring words.
  Value (*widen)(KernelBuilder &k, Value sums, Value words);
  /// These sums -> i32 x 8.
  Value (*rowSums)(KernelBuilder &k, Value sums);

  /// Sums of table look-ups. sums: i16 x 16, of rows 8 half .. 8 half + 7 and
  /// 8 half + 16 .. 8 half + 23; low, high: i8 x 32, one per row -> sums +
  /// weight * (low + high), weight in 1..127.
  Value (*addLookUps)(KernelBuilder &k, Value sums, Value low, Value high,
                      int64_t weight, int64_t half);
  /// The sum of the words times their weights, i32 x 8 of lanes 0-7 and of
  /// lanes 8-15.
  std::pair<Value, Value> (*weightedSum)(KernelBuilder &k,
                                         const WeightedWords &words);
  /// Loads a table of 16 int8 with table[15 - i] = -table[i] for `lookUp`.
  Values (*loadTable)(KernelBuilder &k, Value pointer);
  /// A constant table of any 16 int8.
  Values (*makeTable)(KernelBuilder &k, llvm::ArrayRef<int8_t> entries);
  /// index: i8 x 32 in 0..15 -> i8 x 32: table[index].
  Value (*lookUp)(KernelBuilder &k, const Values &table, Value index);

  /// Of products for many rows (ProductKernel), at most one of the two; without
  /// any, dot or the multiplications above serve.
  /// Sums of i32 + products of dotUnsignedRows rows with dotUnsignedColumns
  /// (4 or 8) columns, a sum for every 4 of them; u, s: i8, byte
  /// dotUnsignedColumns * row + column, u in 0..255.
  Value (*dotUnsigned)(KernelBuilder &k, Value sums, Value u, Value s);
  int64_t dotUnsignedRows, dotUnsignedColumns;
  /// i32 x 16, lane 2 * row + activation: sums + products of 8 rows with 8
  /// columns of 2 rows of activations. w: i8 x 64, byte 8 * row + column, in
  /// -128..127; s: i8 x 16, byte 8 * activation + column.
  Value (*dotPairs)(KernelBuilder &k, Value sums, Value w, Value s);

  /// Levels + bias of a step of width 1 to 4, four i8 x 64, byte 8 * row +
  /// column of 8 rows. Null: by look-ups, column by column.
  Values (*unpackPlanes)(KernelBuilder &k, int64_t bits, bool hasGroups,
                         int64_t bias, llvm::ArrayRef<Value> planes);

  /// Bits of f16 (i16 x 8), finite -> f32 x 8.
  Value (*extendHalf)(KernelBuilder &k, Value bits);
  /// f32 x 8 -> bits of f16 (i16 x 8), rounded to nearest even.
  Value (*truncateToHalf)(KernelBuilder &k, Value a);
};

const InstructionHooks &hooksOf(InstructionSet isa);

// In ISA/.
const InstructionHooks &portableHooks();
const InstructionHooks &avx2Hooks();
const InstructionHooks &avxVnniHooks();
const InstructionHooks &avx512Hooks();
const InstructionHooks &avx512GfniHooks();
const InstructionHooks &neonHooks();
const InstructionHooks &dotProductHooks();
const InstructionHooks &i8mmHooks();

/// addLookUps by a multiplication that adds pairs.
Value addInterleaved(KernelBuilder &k, Value sums, Value low, Value high,
                     int64_t weight, int64_t half,
                     Value (*multiply)(KernelBuilder &, Value, Value));

/// weightedSum by extended products.
std::pair<Value, Value> addExtendedProducts(KernelBuilder &k,
                                            const WeightedWords &words);

/// Conversions of one instruction, as LLVM selects it for the types.
Value extendHalfByInstruction(KernelBuilder &k, Value bits);
Value truncateToHalfByInstruction(KernelBuilder &k, Value a);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_ISA_H
