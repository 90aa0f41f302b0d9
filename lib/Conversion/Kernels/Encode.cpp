//===- Encode.cpp - one block of an encoded activation --------------------===//
//
// The three encodings of include/picollm/Layout/EncodedActivation.h. Arguments
// of the inner functions, for one block of at most blockColumns stored columns:
//   input (float *, not permuted), order, column scales (at the block),
//   columns, segment scale (f32), values, scale, sum (where they are stored)
//
//===----------------------------------------------------------------------===//

#include "Encode.h"

#include "../ISA.h"
#include "../StepFunctions.h"
#include "picollm/Layout/EncodedActivation.h"

using namespace picollm;
using mlir::arith::CmpFPredicate;

namespace {
struct BlockArguments {
  Value input, order, columnScales, columns, segmentScale, values, scale, sum;
};
} // namespace

/// Bits of |x|; ordered as integers they are ordered as numbers.
static Value magnitudeBits(KernelBuilder &k, Value x, Type words) {
  return k.bitAnd(k.bitcast(x, words), 0x7fffffff);
}

static Value reduce(KernelBuilder &k, Value vector, llvm::StringRef name) {
  return k.intrinsic(name, k.i32, {vector});
}

/// The input of the block, permuted and scaled, goes to `block`. Returns the
/// largest of what `magnitude` makes of 8 numbers, which is not negative, f32.
static Value gather(KernelBuilder &k, const EncodeVariant &variant,
                    const BlockArguments &a, Value block,
                    llvm::function_ref<Value(Value)> magnitude) {
  Type entry = variant.orderBytes == 2 ? k.i16 : k.i32;
  Type words = k.vec(8, k.i32);
  Values largest = k.loop(
      k.index(0), a.columns, 8, {k.constant(words, 0)},
      [&](Value j, mlir::ValueRange current) -> Values {
        Value order = k.at(a.order, k.mul(j, k.index(variant.orderBytes)));
        Values x;
        for (int64_t i = 0; i < 8; ++i) {
          Value column = k.load(entry, k.at(order, i * variant.orderBytes),
                                variant.orderBytes);
          Value bytes = k.mul(k.zeroExtend(column, k.i64), k.index(4));
          x.push_back(k.load(k.f32, k.at(a.input, bytes), 4));
        }
        Value scales = k.load(k.vec(8, k.i16),
                              k.at(a.columnScales, k.mul(j, k.index(2))), 16);
        Value scaled =
            k.fmul(k.fromLanes(x), hooksOf(k.isa).extendHalf(k, scales));
        k.store(scaled, k.at(block, k.mul(j, k.index(4))), 32);
        return {k.maximum(current[0], k.bitcast(magnitude(scaled), words))};
      });
  return k.bitcast(reduce(k, largest[0], "llvm.vector.reduce.smax"), k.f32);
}

Value picollm::inverseScale(KernelBuilder &k, Value maximum, float largest) {
  Value zero = k.constant(k.f32, 0.0);
  return k.select(k.compare(CmpFPredicate::OGT, maximum, zero),
                  k.fdiv(k.constant(k.f32, largest), maximum), zero);
}

/// Stores scale * a_s for a block of maximum `maximum`; returns inverseScale.
static Value storeScale(KernelBuilder &k, Value maximum, float largest,
                        const BlockArguments &a) {
  Value limit = k.constant(k.f32, largest);
  k.store(k.fmul(k.fdiv(maximum, limit), a.segmentScale), a.scale, 4);
  return inverseScale(k, maximum, largest);
}

Value picollm::quantize(KernelBuilder &k, Value x, Value inverse, float largest,
                        Type words) {
  Type floats = x.getType();
  Value magic = k.constant(floats, 12582912.0);
  Value rounded = k.fsub(k.fadd(k.fmul(x, inverse), magic), magic);
  Value high = k.constant(floats, largest), low = k.constant(floats, -largest);
  rounded =
      k.select(k.compare(CmpFPredicate::OLT, rounded, high), rounded, high);
  rounded = k.select(k.compare(CmpFPredicate::OGT, rounded, low), rounded, low);
  return mlir::arith::FPToSIOp::create(k.b, words, rounded);
}

Value picollm::largestMagnitude(KernelBuilder &k, Value count, int64_t lanes,
                                llvm::function_ref<Value(Value)> load) {
  Type words = k.vec(lanes, k.i32);
  Values bits =
      k.loop(k.index(0), count, lanes, {k.constant(words, 0)},
             [&](Value i, mlir::ValueRange current) -> Values {
               return {k.maximum(current[0], magnitudeBits(k, load(i), words))};
             });
  return k.bitcast(reduce(k, bits[0], "llvm.vector.reduce.smax"), k.f32);
}

static void emitCodes(KernelBuilder &k, Value block, Value maximum,
                      const BlockArguments &a) {
  Type floats = k.vec(8, k.f32), words = k.vec(8, k.i32);
  Value zero = k.constant(words, 0), first = k.index(0);
  Value inverse = storeScale(k, maximum, largestCode, a);
  Value factor = k.splat(inverse, 8);
  Values sum =
      k.loop(first, a.columns, 8, {zero},
             [&](Value j, mlir::ValueRange current) -> Values {
               Value x = k.load(floats, k.at(block, k.mul(j, k.index(4))), 32);
               Value codes = quantize(k, x, factor, largestCode, words);
               k.store(k.truncate(codes, k.vec(8, k.i8)), k.at(a.values, j), 8);
               return {k.add(current[0], codes)};
             });
  k.store(reduce(k, sum[0], "llvm.vector.reduce.add"), a.sum, 4);
}

/// |x[0]| + |x[1]| + |x[2]| + |x[3]| and the same of the other four, each in
/// four lanes.
static Value groupMagnitudes(KernelBuilder &k, Value x) {
  Value words = magnitudeBits(k, x, k.vec(8, k.i32));
  Value single = k.bitcast(words, x.getType());
  Value pairs =
      k.fadd(single, k.shuffle(single, single, {1, 0, 3, 2, 5, 4, 7, 6}));
  return k.fadd(pairs, k.shuffle(pairs, pairs, {2, 3, 0, 1, 6, 7, 4, 5}));
}

static void emitTables(KernelBuilder &k, Value block, Value maximum, bool sums,
                       const BlockArguments &a) {
  Value first = k.index(0);
  auto load = [&](Value j, int64_t column) {
    return k.load(k.f32, k.at(k.at(block, k.mul(j, k.index(4))), 4 * column),
                  4);
  };
  Value inverse = storeScale(k, maximum, largestCode, a);
  Value factor = k.splat(inverse, 16);
  auto storeTable = [&](Value j) {
    Values x;
    for (int64_t column = 0; column < 4; ++column) {
      llvm::SmallVector<float> signs;
      for (int64_t entry = 0; entry < 16; ++entry)
        signs.push_back(entry >> column & 1 ? 1 : -1);
      x.push_back(k.fmul(k.splat(load(j, column), 16), k.vectorOf(signs)));
    }
    Value sums = k.fadd(k.fadd(x[0], x[1]), k.fadd(x[2], x[3]));
    Value entries = quantize(k, sums, factor, largestCode, k.vec(16, k.i32));
    k.store(k.truncate(entries, k.vec(16, k.i8)),
            k.at(a.values, k.mul(j, k.index(4))), 16);
    return entries;
  };
  if (!sums) {
    k.loop(first, a.columns, 4, [&](Value j) { storeTable(j); });
    return;
  }
  Values sum = k.loop(first, a.columns, 4, {k.constant(k.i32, 0)},
                      [&](Value j, mlir::ValueRange current) -> Values {
                        return {k.add(current[0], k.lane(storeTable(j), 15))};
                      });
  k.store(sum[0], a.sum, 4);
}

static void emitFloats(KernelBuilder &k, Value block, const BlockArguments &a) {
  Value scale = k.splat(a.segmentScale, 8);
  k.loop(k.index(0), a.columns, 8, [&](Value j) {
    Value bytes = k.mul(j, k.index(4));
    Value x = k.load(k.vec(8, k.f32), k.at(block, bytes), 32);
    k.store(k.fmul(x, scale), k.at(a.values, bytes), 32);
  });
}

mlir::func::FuncOp picollm::getEncodeBlock(mlir::ModuleOp module,
                                           InstructionSet isa,
                                           const EncodeVariant &variant) {
  KernelBuilder k(module, isa);
  std::string name = "encode";
  name += variant.encoding == ActivationEncoding::CodesI8    ? "_codes_i8"
          : variant.encoding == ActivationEncoding::Table4I8 ? "_table4_i8"
                                                             : "_f32";
  bool sums =
      variant.groups && variant.encoding == ActivationEncoding::Table4I8;
  if (sums)
    name += "_sums";
  if (variant.orderBytes == 4)
    name += "_order32";
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      name, {k.ptr, k.ptr, k.ptr, k.i64, k.f32, k.ptr, k.ptr, k.ptr}, existing);
  if (!function)
    return existing;
  BlockArguments a = {k.argument(0), k.argument(1), k.argument(2),
                      k.argument(3), k.argument(4), k.argument(5),
                      k.argument(6), k.argument(7)};
  Value block = k.stack(4 * blockColumns);
  const bool isTable = variant.encoding == ActivationEncoding::Table4I8;
  Value maximum = gather(k, variant, a, block, [&](Value x) {
    return isTable ? groupMagnitudes(k, x)
                   : magnitudeBits(k, x, k.vec(8, k.i32));
  });
  if (isTable)
    emitTables(k, block, maximum, sums, a);
  else if (variant.encoding == ActivationEncoding::CodesI8)
    emitCodes(k, block, maximum, a);
  else
    emitFloats(k, block, a);
  k.endFunction();
  return function;
}
