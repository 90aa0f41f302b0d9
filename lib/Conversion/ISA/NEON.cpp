//===- NEON.cpp - aarch64: ARMv8.0, with dot product, with i8mm -----------===//
//
// Registers have 16 bytes; vectors of 32 are two of them. There are 32 of them,
// so that products can be summed without adding neighbours first.
//
//===----------------------------------------------------------------------===//

#include "../ISA.h"

using namespace picollm;
using namespace mlir;

/// One vector of equal parts, in order.
static Value join(KernelBuilder &k, ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts[0];
  Value first = join(k, parts.take_front(parts.size() / 2));
  Value second = join(k, parts.drop_front(parts.size() / 2));
  int64_t lanes = cast<VectorType>(first.getType()).getNumElements();
  return k.shuffle(first, second,
                   llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes)));
}

/// i8 x 8 times i8 x 8 -> i16 x 8; smlal where the result is added.
static Value multiplyEight(KernelBuilder &k, Value w, Value s) {
  return k.intrinsic("llvm.aarch64.neon.smull", k.vec(8, k.i16), {w, s});
}

/// The same 16 bytes, which LLVM does not see through. A repeated value would
/// be seen to be equal in both halves of its register; then smull2, which takes
/// the upper halves of both operands, becomes a move and smull.
static Value hideRepetition(KernelBuilder &k, Value bytes) {
  Type floats = k.vec(4, k.f32);
  return k.bitcast(
      k.intrinsic("llvm.arithmetic.fence", floats, {k.bitcast(bytes, floats)}),
      bytes.getType());
}

static Value multiply(KernelBuilder &k, Value w, Value s) {
  Values parts;
  for (int64_t i = 0; i < 32; i += 16) {
    Value factors = hideRepetition(k, k.slice(s, i, 16));
    for (int64_t half : {0, 8})
      parts.push_back(
          multiplyEight(k, k.slice(w, i + half, 8), k.slice(factors, half, 8)));
  }
  return join(k, parts);
}

/// i32 x 16: two sums per row.
static Value widen(KernelBuilder &k, Value sums, Value words) {
  Values parts;
  for (int64_t i = 0; i < 32; i += 8)
    parts.push_back(
        k.add(k.slice(sums, i / 2, 4),
              k.intrinsic("llvm.aarch64.neon.saddlp", k.vec(4, k.i32),
                          {k.slice(words, i, 8)})));
  return join(k, parts);
}

static Value rowSums(KernelBuilder &k, Value sums) {
  Values parts;
  for (int64_t i = 0; i < 16; i += 8)
    parts.push_back(
        k.intrinsic("llvm.aarch64.neon.addp", k.vec(4, k.i32),
                    {k.slice(sums, i, 4), k.slice(sums, i + 4, 4)}));
  return join(k, parts);
}

static Value dot(KernelBuilder &k, Value sums, Value w, Value s) {
  Values parts;
  for (int64_t i = 0; i < 32; i += 16)
    parts.push_back(k.intrinsic(
        "llvm.aarch64.neon.sdot", k.vec(4, k.i32),
        {k.slice(sums, i / 4, 4), k.slice(w, i, 16), k.slice(s, i, 16)}));
  return join(k, parts);
}

/// smmla: the products of 2 rows with 2 rows, over 8 columns.
static Value dotPairs(KernelBuilder &k, Value sums, Value w, Value s) {
  Values parts;
  for (int64_t i = 0; i < 64; i += 16)
    parts.push_back(
        k.intrinsic("llvm.aarch64.neon.smmla", k.vec(4, k.i32),
                    {k.slice(sums, i / 4, 4), k.slice(w, i, 16), s}));
  return join(k, parts);
}

/// Two look-ups and the two sums of a row would have to become neighbours for
/// the dot product: longer than to multiply them as they are.
static Value addLookUps(KernelBuilder &k, Value sums, Value low, Value high,
                        int64_t weight, int64_t half) {
  Value factor = k.constant(k.vec(8, k.i8), weight);
  Values parts;
  for (int64_t i : {0, 1}) {
    Value sum = k.slice(sums, 8 * i, 8);
    for (Value entries : {low, high}) {
      Value rows = k.slice(entries, 16 * i + 8 * half, 8);
      sum = k.add(sum, weight > 1 ? multiplyEight(k, rows, factor)
                                  : k.signExtend(rows, k.vec(8, k.i16)));
    }
    parts.push_back(sum);
  }
  return join(k, parts);
}

static Values loadTable(KernelBuilder &k, Value pointer) {
  return {k.load(k.vec(16, k.i8), pointer, 16)};
}

static Values makeTable(KernelBuilder &k, ArrayRef<int8_t> entries) {
  return {k.vectorOf(entries)};
}

static Value lookUp(KernelBuilder &k, const Values &table, Value index) {
  Values parts;
  for (int64_t i = 0; i < 32; i += 16)
    parts.push_back(k.intrinsic("llvm.aarch64.neon.tbl1", k.vec(16, k.i8),
                                {table[0], k.slice(index, i, 16)}));
  return join(k, parts);
}

const InstructionHooks &picollm::neonHooks() {
  static const InstructionHooks hooks = {/*dot=*/nullptr,
                                         /*productsPerWord=*/1,
                                         multiply,
                                         /*multiplySigned=*/multiply,
                                         /*multiplyWithSign=*/nullptr,
                                         widen,
                                         rowSums,
                                         addLookUps,
                                         addExtendedProducts,
                                         loadTable,
                                         makeTable,
                                         lookUp,
                                         /*dotUnsigned=*/nullptr,
                                         /*dotUnsignedRows=*/0,
                                         /*dotUnsignedColumns=*/0,
                                         /*dotPairs=*/nullptr,
                                         /*unpackPlanes=*/nullptr,
                                         extendHalfByInstruction,
                                         truncateToHalfByInstruction};
  return hooks;
}

const InstructionHooks &picollm::dotProductHooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = neonHooks();
    table.dot = dot;
    table.productsPerWord = 0;
    table.multiply = table.multiplySigned = table.widen = nullptr;
    table.rowSums = nullptr;
    return table;
  }();
  return hooks;
}

const InstructionHooks &picollm::i8mmHooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = dotProductHooks();
    table.dotPairs = dotPairs;
    return table;
  }();
  return hooks;
}
