//===- Portable.cpp - plain IR: the definition of the hooks ---------------===//

#include "../ISA.h"

using namespace picollm;
using namespace mlir;

/// Low (even) and high (odd) bytes of each 16 bits, extended to 16 bits.
static std::pair<Value, Value> signedBytes(KernelBuilder &k, Value bytes) {
  Value words = k.bitcast(bytes, k.vec(16, k.i16));
  return {k.shiftRightSigned(k.shiftLeft(words, 8), 8),
          k.shiftRightSigned(words, 8)};
}

static Value sumOfProducts(KernelBuilder &k, std::pair<Value, Value> a,
                           std::pair<Value, Value> c) {
  return k.add(k.mul(a.first, c.first), k.mul(a.second, c.second));
}

static Value multiply(KernelBuilder &k, Value u, Value s) {
  Value words = k.bitcast(u, k.vec(16, k.i16));
  return sumOfProducts(k, {k.bitAnd(words, 0xff), k.shiftRight(words, 8)},
                       signedBytes(k, s));
}

static Value multiplySigned(KernelBuilder &k, Value w, Value s) {
  return sumOfProducts(k, signedBytes(k, w), signedBytes(k, s));
}

static Value widen(KernelBuilder &k, Value sums, Value words) {
  Value pairs = k.bitcast(words, k.vec(8, k.i32));
  return k.add(sums, k.add(k.shiftRightSigned(k.shiftLeft(pairs, 16), 16),
                           k.shiftRightSigned(pairs, 16)));
}

static Value rowSums(KernelBuilder &k, Value sums) { return sums; }

static Value addLookUps(KernelBuilder &k, Value sums, Value low, Value high,
                        int64_t weight, int64_t half) {
  return addInterleaved(k, sums, low, high, weight, half, multiply);
}

std::pair<Value, Value>
picollm::addExtendedProducts(KernelBuilder &k, const WeightedWords &words) {
  Type wide = k.vec(8, k.i32);
  std::pair<Value, Value> sums;
  for (auto [value, weight] : words) {
    auto add = [&, value = value, weight = weight](Value &sum, int64_t begin) {
      Value part = k.signExtend(k.slice(value, begin, 8), wide);
      if (weight != 1)
        part = k.mul(part, k.constant(wide, weight));
      sum = sum ? k.add(sum, part) : part;
    };
    add(sums.first, 0);
    add(sums.second, 8);
  }
  return sums;
}

/// The upper half of a table is the negated lower half in reverse, because
/// index 15 - i flips all signs: 8 entries are enough.
static Values loadTable(KernelBuilder &k, Value pointer) {
  Values entries;
  for (int64_t i = 8; i < 16; ++i)
    entries.push_back(k.splat(k.load(k.i8, k.at(pointer, i), 1), 32));
  return entries;
}

static Values makeTable(KernelBuilder &k, ArrayRef<int8_t> entries) {
  Values splats;
  for (int8_t entry : entries)
    splats.push_back(k.constant(k.vec(32, k.i8), entry));
  return splats;
}

/// The entry whose number is in the low bits of `index`.
static Value chooseEntry(KernelBuilder &k, Values entries, Value index) {
  for (int64_t bit = 1; entries.size() > 1; bit *= 2) {
    Value isOdd = k.compare(arith::CmpIPredicate::ne, k.bitAnd(index, bit),
                            k.constant(index.getType(), 0));
    Values next;
    for (size_t i = 0; i < entries.size(); i += 2)
      next.push_back(k.select(isOdd, entries[i + 1], entries[i]));
    entries = next;
  }
  return entries[0];
}

static Value lookUp(KernelBuilder &k, const Values &table, Value index) {
  if (table.size() == 16)
    return chooseEntry(k, table, index);
  Value zero = k.constant(index.getType(), 0);
  // Bit 3 clear: use entry 15 - i, negated.
  Value upper = k.compare(arith::CmpIPredicate::ne, k.bitAnd(index, 8), zero);
  Value flip = k.select(upper, zero, k.constant(index.getType(), 0xff));
  Value entry = chooseEntry(k, table, k.bitXor(index, flip));
  return k.sub(k.bitXor(entry, flip), flip);
}

static Value extendHalf(KernelBuilder &k, Value bits) {
  Type words = k.vec(8, k.i32), floats = k.vec(8, k.f32);
  Value wide = k.zeroExtend(bits, words);
  Value sign = k.shiftLeft(k.bitAnd(wide, 0x8000), 16);
  Value magnitude = k.shiftLeft(k.bitAnd(wide, 0x7fff), 13);
  // Exponents differ by 112. A subnormal half is m * 2^-24: with exponent 113
  // it reads 2^-14 * (1 + m / 2^10), so 2^-14 is taken off again.
  Value normal = k.add(magnitude, k.constant(words, int64_t(112) << 23));
  Value above = k.add(magnitude, k.constant(words, int64_t(113) << 23));
  Value subnormal =
      k.fsub(k.bitcast(above, floats), k.constant(floats, 0x1p-14));
  Value isSubnormal = k.compare(arith::CmpIPredicate::ult, magnitude,
                                k.constant(words, int64_t(1) << 23));
  Value result = k.select(isSubnormal, k.bitcast(subnormal, words), normal);
  return k.bitcast(k.bitOr(result, sign), floats);
}

static Value truncateToHalf(KernelBuilder &k, Value a) {
  Type words = k.vec(8, k.i32), floats = k.vec(8, k.f32);
  Value bits = k.bitcast(a, words);
  Value sign = k.bitAnd(k.shiftRight(bits, 16), 0x8000);
  Value magnitude = k.bitAnd(bits, 0x7fffffff);
  // Normal: 13 bits less, rounded to even by adding 0xfff + the last bit kept.
  Value odd = k.bitAnd(k.shiftRight(magnitude, 13), 1);
  Value rounded = k.add(
      k.add(magnitude, k.constant(words, 0xfff - (int64_t(112) << 23))), odd);
  Value normal = k.shiftRight(rounded, 13);
  // Subnormal: the addition of 0.5 rounds to multiples of 2^-24.
  Value half = k.constant(floats, 0.5);
  Value subnormal =
      k.sub(k.bitcast(k.fadd(k.bitcast(magnitude, floats), half), words),
            k.bitcast(half, words));
  auto below = [&](int64_t limit, Value yes, Value no) {
    return k.select(k.compare(arith::CmpIPredicate::slt, magnitude,
                              k.constant(words, limit)),
                    yes, no);
  };
  Value special =
      below(0x7f800001, k.constant(words, 0x7c00), k.constant(words, 0x7e00));
  Value result =
      below(0x38800000, subnormal, below(0x47800000, normal, special));
  return k.truncate(k.bitOr(result, sign), k.vec(8, k.i16));
}

const InstructionHooks &picollm::portableHooks() {
  static const InstructionHooks hooks = {/*dot=*/nullptr,
                                         /*productsPerWord=*/2,
                                         multiply,
                                         multiplySigned,
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
                                         extendHalf,
                                         truncateToHalf};
  return hooks;
}
