//===- AVX2.cpp - x86-64 with AVX2 and F16C -------------------------------===//

#include "../ISA.h"

using namespace picollm;
using namespace mlir;

static Value multiply(KernelBuilder &k, Value u, Value s) {
  return k.intrinsic("llvm.x86.avx2.pmadd.ub.sw", k.vec(16, k.i16), {u, s});
}

/// |w| <= 128 is a valid unsigned byte; its sign goes to s.
static Value multiplySigned(KernelBuilder &k, Value w, Value s) {
  return multiply(
      k, k.negateWhere(k.isNegative(w), w),
      k.intrinsic("llvm.x86.avx2.psign.b", k.vec(32, k.i8), {s, w}));
}

static Value multiplyWithSign(KernelBuilder &k, Value w, Value sign, Value s) {
  return multiply(
      k, w, k.intrinsic("llvm.x86.avx2.psign.b", k.vec(32, k.i8), {s, sign}));
}

static Value widen(KernelBuilder &k, Value sums, Value words) {
  return k.add(sums, k.intrinsic("llvm.x86.avx2.pmadd.wd", k.vec(8, k.i32),
                                 {words, k.constant(k.vec(16, k.i16), 1)}));
}

static Value rowSums(KernelBuilder &k, Value sums) { return sums; }

static Value addLookUps(KernelBuilder &k, Value sums, Value low, Value high,
                        int64_t weight, int64_t half) {
  return addInterleaved(k, sums, low, high, weight, half, multiply);
}

/// Two words that are neighbours are multiplied and added at once.
static std::pair<Value, Value> weightedSum(KernelBuilder &k,
                                           const WeightedWords &words) {
  if (words.size() == 1)
    return addExtendedProducts(k, words);
  // Neighbours in each half of 128 bits: words 0-3 and 8-11, then 4-7, 12-15.
  SmallVector<int64_t> neighbours[2];
  for (int64_t lane = 0; lane < 16; ++lane)
    for (int64_t part : {0, 1})
      neighbours[part].push_back(lane % 2 * 16 + lane / 8 * 8 + part * 4 +
                                 lane % 8 / 2);
  Values sums(2);
  for (size_t i = 0; i < words.size(); i += 2) {
    auto [a, weightA] = words[i];
    auto [b, weightB] =
        i + 1 < words.size() ? words[i + 1] : std::pair(a, int64_t(0));
    Type pairs = k.vec(8, k.i32);
    Value weights = k.bitcast(
        k.constant(pairs, int64_t(int32_t(uint32_t(weightB) << 16 |
                                          (uint32_t(weightA) & 0xffff)))),
        k.vec(16, k.i16));
    for (int64_t part : {0, 1}) {
      Value products =
          k.intrinsic("llvm.x86.avx2.pmadd.wd", pairs,
                      {k.shuffle(a, b, neighbours[part]), weights});
      sums[part] = sums[part] ? k.add(sums[part], products) : products;
    }
  }
  return {k.shuffle(sums[0], sums[1], {0, 1, 2, 3, 8, 9, 10, 11}),
          k.shuffle(sums[0], sums[1], {4, 5, 6, 7, 12, 13, 14, 15})};
}

static Values loadTable(KernelBuilder &k, Value pointer) {
  Value table = k.load(k.vec(16, k.i8), pointer, 16);
  SmallVector<int64_t> twice;
  for (int64_t i = 0; i < 32; ++i)
    twice.push_back(i % 16);
  return {k.shuffle(table, table, twice)};
}

static Values makeTable(KernelBuilder &k, ArrayRef<int8_t> entries) {
  SmallVector<int8_t> twice(entries);
  twice.append(entries.begin(), entries.end());
  return {k.vectorOf(twice)};
}

static Value lookUp(KernelBuilder &k, const Values &table, Value index) {
  return k.intrinsic("llvm.x86.avx2.pshuf.b", k.vec(32, k.i8),
                     {table[0], index});
}

const InstructionHooks &picollm::avx2Hooks() {
  static const InstructionHooks hooks = {/*dot=*/nullptr,
                                         /*productsPerWord=*/2,
                                         multiply,
                                         multiplySigned,
                                         multiplyWithSign,
                                         widen,
                                         rowSums,
                                         addLookUps,
                                         weightedSum,
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
