//===- Norm.cpp - root mean squares, and norms that are added -------------===//

#include "../StepFunctions.h"

using namespace picollm;

/// The sum is in f64, four partial sums
/// over columns j % 4, then the rest one by one: the same for every thread.
Value picollm::emitInverseRMS(KernelBuilder &k, Value x, int64_t columns,
                              double epsilon) {
  Type doubles = k.vec(4, k.f64);
  auto square = [&](Type from, Type to, Value j) {
    Value wide = mlir::arith::ExtFOp::create(
        k.b, to, k.load(from, k.at(x, k.mul(j, k.index(4))), 4));
    return k.fmul(wide, wide);
  };
  int64_t middle = columns / 4 * 4;
  Value lanes =
      k.loop(k.index(0), k.index(middle), 4, {k.constant(doubles, 0.0)},
             [&](Value j, mlir::ValueRange sum) -> Values {
               return {k.fadd(sum[0], square(k.vec(4, k.f32), doubles, j))};
             })[0];
  Value sum = k.fadd(k.fadd(k.lane(lanes, 0), k.lane(lanes, 1)),
                     k.fadd(k.lane(lanes, 2), k.lane(lanes, 3)));
  for (int64_t j = middle; j < columns; ++j)
    sum = k.fadd(sum, square(k.f32, k.f64, k.index(j)));
  Value mean = k.fdiv(sum, k.constant(k.f64, double(columns)));
  Value root = k.intrinsic("llvm.sqrt", k.f64,
                           {k.fadd(mean, k.constant(k.f64, epsilon))});
  return mlir::arith::TruncFOp::create(k.b, k.f32,
                                       k.fdiv(k.constant(k.f64, 1.0), root));
}

void picollm::emitNorm(KernelBuilder &k, Value input, Value norm,
                       int64_t columns, double epsilon,
                       llvm::function_ref<void(Value, Value)> store) {
  Value inverse = emitInverseRMS(k, input, columns, epsilon);
  auto emitAt = [&](int64_t count, Value offset) {
    Type type = count == 1 ? k.f32 : Type(k.vec(count, k.f32));
    Value factor = count == 1 ? inverse : k.splat(inverse, count);
    Value x = k.fmul(k.load(type, k.at(input, offset), 4), factor);
    store(k.fmul(x, k.load(type, k.at(norm, offset), 4)), offset);
  };
  int64_t middle = columns / 8 * 8;
  k.loop(k.index(0), k.index(4 * middle), 32,
         [&](Value offset) { emitAt(8, offset); });
  for (int64_t j = middle; j < columns; ++j)
    emitAt(1, k.index(4 * j));
}

mlir::func::FuncOp StepParts::addNorm(int64_t columns, double epsilon) {
  std::string stem = "add_norm_" + std::to_string(columns);
  std::string key =
      stem + " " + std::to_string(llvm::bit_cast<uint64_t>(epsilon));
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function =
      k.beginFunction(table->number(stem),
                      {k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.i64}, existing);
  Value tokens = k.argument(3), thread = k.argument(4), threads = k.argument(5);
  Value begin = shareBegin(k, tokens, thread, threads);
  Value end = shareBegin(k, tokens, k.add(thread, k.index(1)), threads);
  k.loop(begin, end, 1, [&](Value token) {
    Value bytes = k.mul(token, k.index(4 * columns));
    Value input = k.at(k.argument(0), bytes);
    Value output = k.at(k.argument(2), bytes);
    emitNorm(k, input, k.argument(1), columns, epsilon,
             [&](Value x, Value offset) {
               Value place = k.at(output, offset);
               k.store(k.fadd(k.load(x.getType(), place, 4), x), place, 4);
             });
  });
  k.endFunction();
  table->insert(key, function);
  return function;
}
