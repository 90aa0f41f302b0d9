//===- Encode.cpp - one block of an encoded activation --------------------===//
//
// The three encodings of include/picollm/Layout/EncodedActivation.h. Arguments
// of the inner functions, for one block of at most blockColumns stored columns:
//   input, norm (float *, not permuted), inverse (f32, of the norm),
//   order, column scales (at the block), columns, segment scale (f32),
//   values, scale, sum (where they are stored)
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
  Value input, norm, inverse, order, columnScales, columns, segmentScale,
      values, scale, sum;
};
} // namespace

/// Permuted and scaled input of the block, in stack memory.
static Value gather(KernelBuilder &k, const EncodeVariant &variant,
                    const BlockArguments &a) {
  Value scales = k.stack(4 * blockColumns), block = k.stack(4 * blockColumns);
  k.loop(k.index(0), a.columns, 8, [&](Value j) {
    Value bits =
        k.load(k.vec(8, k.i16), k.at(a.columnScales, k.mul(j, k.index(2))), 16);
    k.store(hooksOf(k.isa).extendHalf(k, bits),
            k.at(scales, k.mul(j, k.index(4))), 32);
  });
  Type entry = variant.orderBytes == 2 ? k.i16 : k.i32;
  k.loop(k.index(0), a.columns, 1, [&](Value j) {
    Value column = k.zeroExtend(
        k.load(entry, k.at(a.order, k.mul(j, k.index(variant.orderBytes))),
               variant.orderBytes),
        k.i64);
    Value bytes = k.mul(column, k.index(4));
    Value x = k.load(k.f32, k.at(a.input, bytes), 4);
    if (variant.norm)
      x = k.fmul(k.fmul(x, a.inverse), k.load(k.f32, k.at(a.norm, bytes), 4));
    Value place = k.mul(j, k.index(4));
    k.store(k.fmul(x, k.load(k.f32, k.at(scales, place), 4)),
            k.at(block, place), 4);
  });
  return block;
}

/// Bits of |x|; ordered as integers they are ordered as numbers.
static Value magnitudeBits(KernelBuilder &k, Value x, Type words) {
  return k.bitAnd(k.bitcast(x, words), 0x7fffffff);
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

static Value reduce(KernelBuilder &k, Value vector, llvm::StringRef name) {
  return k.intrinsic(name, k.i32, {vector});
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

static void emitCodes(KernelBuilder &k, Value block, const BlockArguments &a) {
  Type floats = k.vec(8, k.f32), words = k.vec(8, k.i32);
  Value zero = k.constant(words, 0), first = k.index(0);
  auto load = [&](Value j) {
    return k.load(floats, k.at(block, k.mul(j, k.index(4))), 32);
  };
  Value inverse =
      storeScale(k, largestMagnitude(k, a.columns, 8, load), largestCode, a);
  Value factor = k.splat(inverse, 8);
  Values sum =
      k.loop(first, a.columns, 8, {zero},
             [&](Value j, mlir::ValueRange current) -> Values {
               Value codes = quantize(k, load(j), factor, largestCode, words);
               k.store(k.truncate(codes, k.vec(8, k.i8)), k.at(a.values, j), 8);
               return {k.add(current[0], codes)};
             });
  k.store(reduce(k, sum[0], "llvm.vector.reduce.add"), a.sum, 4);
}

static void emitTables(KernelBuilder &k, Value block, bool sums,
                       const BlockArguments &a) {
  Value first = k.index(0);
  auto load = [&](Value j, int64_t column) {
    return k.load(k.f32, k.at(k.at(block, k.mul(j, k.index(4))), 4 * column),
                  4);
  };
  Values maximum =
      k.loop(first, a.columns, 4, {k.constant(k.i32, 0)},
             [&](Value j, mlir::ValueRange current) -> Values {
               Values x;
               for (int64_t column = 0; column < 4; ++column)
                 x.push_back(k.bitcast(magnitudeBits(k, load(j, column), k.i32),
                                       k.f32));
               Value sum = k.fadd(k.fadd(x[0], x[1]), k.fadd(x[2], x[3]));
               return {k.maximum(current[0], k.bitcast(sum, k.i32))};
             });
  Value inverse = storeScale(k, k.bitcast(maximum[0], k.f32), largestCode, a);
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
  std::string name = variant.norm ? "encode_norm" : "encode";
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
      name,
      {k.ptr, k.ptr, k.f32, k.ptr, k.ptr, k.i64, k.f32, k.ptr, k.ptr, k.ptr},
      existing);
  if (!function)
    return existing;
  BlockArguments a = {k.argument(0), k.argument(1), k.argument(2),
                      k.argument(3), k.argument(4), k.argument(5),
                      k.argument(6), k.argument(7), k.argument(8),
                      k.argument(9)};
  Value block = gather(k, variant, a);
  if (variant.encoding == ActivationEncoding::CodesI8)
    emitCodes(k, block, a);
  else if (variant.encoding == ActivationEncoding::Table4I8)
    emitTables(k, block, sums, a);
  else
    emitFloats(k, block, a);
  k.endFunction();
  return function;
}
