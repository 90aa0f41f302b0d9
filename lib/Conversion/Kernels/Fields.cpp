//===- Fields.cpp - widths 5-8: fields and multiply-add -------------------===//
//
// An unpacked vector U[c][g] holds columns 4c .. 4c + 3 of rows 8g .. 8g + 7, a
// row in each 32 bits, so one broadcast of 4 codes multiplies 8 rows and no sum
// across lanes is left at the end. Products of pairs are added in int16 for as
// many multiply-adds as cannot overflow, then in int32. Per block:
//   sum (2 q - (2^b - 1)) code = 2 I - (2^b - 1) sum(code),  I = sum q code
// Width 8 takes q - 128, which is signed: 2 I + sum(code). With groups, the
// factor of sum(code) is that of the row's zero: -2 z, or 256 - 2 z. Where
// codes have a sign bit, the magnitude is looked up, and the sign goes to it or
// to the code of the activation: I.
//
//===----------------------------------------------------------------------===//

#include "../ISA.h"
#include "Dot.h"
#include "StoredFields.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Layout/Levels.h"

using namespace picollm;

namespace {

/// One pass over a block for some of the four groups of 8 rows.
class FieldsPass {
public:
  FieldsPass(KernelBuilder &k, const DotKernel &kernel,
             llvm::ArrayRef<int64_t> groups, Value stride)
      : k(k), hooks(hooksOf(k.isa)), bits(kernel.bits), tokens(kernel.tokens),
        groups(groups), stride(stride),
        hasSign(hasSignBit(bits, kernel.group > 0)),
        fields(k, bits, kernel.group > 0) {}

  /// Multiplications whose sum fits int16. The largest code is 2^bits - 1, or,
  /// for 8 bits, -128; the largest level may be larger.
  int64_t safeMultiplications() const {
    int64_t largest = hasSign     ? topLevel(bits)
                      : bits == 8 ? 128
                                  : (1 << bits) - 1;
    return 32767 / (hooks.productsPerWord * largest * int64_t(largestCode));
  }
  /// Steps whose code is laid out one after the other: as many as fit int16, or
  /// what hides the latency of dot products.
  int64_t groupSteps() const {
    return hooks.dot ? 4 : std::max<int64_t>(1, safeMultiplications() / 2);
  }
  Type sumType() const {
    return k.vec(hooks.dot ? 8 : 16 / hooks.productsPerWord, k.i32);
  }

  /// Adds `steps` steps to sums (of sumType(), [tokens][groups]).
  Values accumulate(Value weights, Value codes, int64_t steps,
                    mlir::ValueRange sums);

private:
  using Weights = StoredFields::Weights;
  Value multiply(const Weights &w, Value four);

  KernelBuilder &k;
  const InstructionHooks &hooks;
  int64_t bits, tokens;
  llvm::ArrayRef<int64_t> groups;
  Value stride;
  bool hasSign;
  StoredFields fields;
};

} // namespace

Value FieldsPass::multiply(const Weights &w, Value four) {
  if (w.sign)
    return hooks.multiplyWithSign(k, w.values, w.sign, four);
  return bits == 8 || hasSign ? hooks.multiplySigned(k, w.values, four)
                              : hooks.multiply(k, w.values, four);
}

Values FieldsPass::accumulate(Value weights, Value codes, int64_t steps,
                              mlir::ValueRange sums) {
  Values next(sums), words(next.size());
  auto widen = [&](size_t i) {
    next[i] = hooks.widen(k, next[i], words[i]);
    words[i] = Value();
  };
  k.prefetch(weights, steps * stepBytes(bits));
  int64_t done = 0;
  for (int64_t s = 0; s < steps; ++s)
    for (int64_t c : {0, 1}) {
      llvm::SmallVector<Weights> w;
      for (int64_t g : groups)
        w.push_back(fields.read(k.at(weights, s * stepBytes(bits)), c, g));
      Value token = k.at(codes, s * stepColumns + 4 * c);
      ++done;
      for (int64_t t = 0; t < tokens; ++t) {
        if (t)
          token = k.at(token, stride);
        Value four =
            k.bitcast(k.splat(k.load(k.i32, token, 4), 8), k.vec(32, k.i8));
        for (size_t g = 0; g < groups.size(); ++g) {
          size_t i = t * groups.size() + g;
          if (hooks.dot) {
            next[i] = hooks.dot(k, next[i], w[g].values, four);
            continue;
          }
          Value products = multiply(w[g], four);
          words[i] = words[i] ? k.add(words[i], products) : products;
          if (done % safeMultiplications() == 0)
            widen(i);
        }
      }
    }
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i])
      widen(i);
  return next;
}

static void emitPass(KernelBuilder &k, const DotKernel &kernel,
                     llvm::ArrayRef<int64_t> groups, const DotArguments &a,
                     Value begin) {
  const int64_t bits = kernel.bits, tokens = kernel.tokens;
  const InstructionHooks &hooks = hooksOf(k.isa);
  FieldsPass pass(k, kernel, groups, a.stride);
  Value length = k.minimum(k.sub(a.columns, begin), k.index(blockColumns));
  Value weights = k.at(a.weights, k.mul(begin, k.index(4 * bits)));
  Value codes = k.at(a.values, begin);
  auto body = [&](int64_t steps) {
    return [&, steps](Value column, mlir::ValueRange current) {
      return pass.accumulate(k.at(weights, k.mul(column, k.index(4 * bits))),
                             k.at(codes, column), steps, current);
    };
  };
  Values sums(tokens * groups.size(), k.constant(pass.sumType(), 0));
  int64_t width = pass.groupSteps() * stepColumns;
  Value middle = k.sub(length, k.rem(length, k.index(width)));
  sums = k.loop(k.index(0), middle, width, sums, body(pass.groupSteps()));
  if (pass.groupSteps() > 1)
    sums = k.loop(middle, length, stepColumns, sums, body(1));

  llvm::SmallVector<RowGroups> ofRows;
  for (int64_t octet : groups)
    if (kernel.group)
      ofRows.push_back(loadGroups(k, bits, a.weights, a.columns, begin, octet,
                                  bits == 8 ? 256 : 0));
  Value offset = k.div(begin, k.index(blockColumns / 4));
  for (int64_t t = 0; t < tokens; ++t) {
    if (t)
      offset = k.add(offset, a.stride);
    Value scale = k.splat(k.load(k.f32, k.at(a.scales, offset), 4), 8);
    Value codeSum = k.load(k.i32, k.at(a.sums, offset), 4);
    int64_t factor = bits == 8 ? 1 : -((int64_t(1) << bits) - 1);
    Value correction = k.splat(
        kernel.group ? codeSum : k.mul(codeSum, k.constant(k.i32, factor)), 8);
    for (size_t g = 0; g < groups.size(); ++g) {
      Value sum = sums[t * groups.size() + g];
      if (!hooks.dot)
        sum = hooks.rowSums(k, sum);
      if (hasSignBit(bits, kernel.group > 0)) { // levels, not codes
        addBlock(k, a, t, groups[g], sum, scale);
        continue;
      }
      sum = k.shiftLeft(sum, 1);
      if (kernel.group)
        addBlock(k, a, t, groups[g],
                 k.add(sum, k.mul(correction, ofRows[g].offsets)),
                 k.fmul(scale, ofRows[g].scales));
      else
        addBlock(k, a, t, groups[g], k.add(sum, correction), scale);
    }
  }
}

void picollm::emitFields(KernelBuilder &k, const DotKernel &kernel,
                         const DotArguments &a) {
  // Four tokens times four groups of sums do not fit the registers: passes.
  llvm::SmallVector<llvm::SmallVector<int64_t>> passes;
  if (kernel.tokens == 1)
    passes = {{0, 1, 2, 3}};
  else if (hooksOf(k.isa).productsPerWord == 1)
    passes = {{0}, {1}, {2}, {3}};
  else
    passes = {{0, 2}, {1, 3}};
  k.loop(k.index(0), a.columns, blockColumns, [&](Value begin) {
    for (llvm::ArrayRef<int64_t> groups : passes)
      emitPass(k, kernel, groups, a, begin);
  });
}
