//===- KernelBuilder.h - short forms for vector code ------------*- C++ -*-===//
//
// Memory is addressed by !llvm.ptr plus bytes; numbers are arith, vectors are
// one-dimensional, loops are scf. Everything is little endian.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELBUILDER_H
#define PICOLLM_LIB_CONVERSION_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "picollm/Conversion/Schedule.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace picollm {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value>;

class KernelBuilder {
public:
  KernelBuilder(mlir::ModuleOp module, InstructionSet isa);

  mlir::ModuleOp module;
  InstructionSet isa;
  Schedule schedule;
  mlir::ImplicitLocOpBuilder b;

  // Types.
  Type ptr, i8, i16, i32, i64, f16, f32, f64;
  static mlir::VectorType vec(int64_t lanes, Type element) {
    return mlir::VectorType::get({lanes}, element);
  }

  /// A private function named `name` + "_" + isa whose insertion point is set
  /// at its start, or null where it already exists (`existing` is set then).
  /// Pointers are assumed not to alias.
  mlir::func::FuncOp beginFunction(llvm::StringRef name,
                                   llvm::ArrayRef<Type> arguments,
                                   mlir::func::FuncOp &existing,
                                   llvm::ArrayRef<Type> results = {});
  /// Ends the function that was begun last.
  void endFunction(ValueRange results = {});
  Value argument(unsigned i) { return function.getArgument(i); }
  Values call(mlir::func::FuncOp callee, ValueRange operands);

  // Constants; `type` may be a vector.
  Value constant(Type type, double value);
  Value constant(Type type, int64_t value);
  Value constant(Type type, int value) {
    return constant(type, int64_t(value));
  }
  Value index(int64_t value) { return constant(i64, value); }
  Value vectorOf(llvm::ArrayRef<float> values);
  Value vectorOf(llvm::ArrayRef<int8_t> values);

  // Memory.
  Value at(Value pointer, int64_t bytes);
  Value at(Value pointer, Value bytes);
  Value load(Type type, Value pointer, unsigned alignment);
  void store(Value value, Value pointer, unsigned alignment);
  /// Asks for `bytes` of weights that a stream from `pointer` reaches soon, as
  /// the schedule says; safe beyond the end of memory.
  void prefetch(Value pointer, int64_t bytes);
  /// Stack memory of the function, allocated at its start.
  Value stack(int64_t bytes);

  // Arithmetic; `f` prefix: floating point.
  Value add(Value a, Value c);
  Value sub(Value a, Value c);
  Value mul(Value a, Value c);
  Value div(Value a, Value c); ///< unsigned
  Value rem(Value a, Value c); ///< unsigned
  /// a / c rounded up, i64, unsigned.
  Value divideCeil(Value a, int64_t c) {
    return div(add(a, index(c - 1)), index(c));
  }
  Value divideCeil(Value a, Value c) {
    return div(sub(add(a, c), index(1)), c);
  }
  Value minimum(Value a, Value c); ///< signed
  Value maximum(Value a, Value c); ///< signed
  Value bitAnd(Value a, int64_t mask);
  Value bitAnd(Value a, Value c);
  Value bitOr(Value a, Value c);
  Value bitXor(Value a, Value c);
  Value shiftLeft(Value a, int64_t bits);
  Value shiftRight(Value a, int64_t bits); ///< zeros come in
  Value shiftRightSigned(Value a, int64_t bits);
  Value fadd(Value a, Value c);
  Value fsub(Value a, Value c);
  Value fmul(Value a, Value c);
  Value fdiv(Value a, Value c);
  Value fneg(Value a);
  Value compare(mlir::arith::CmpIPredicate p, Value a, Value c);
  Value compare(mlir::arith::CmpFPredicate p, Value a, Value c);
  Value select(Value condition, Value a, Value c);
  Value isNegative(Value a); ///< signed
  Value negateWhere(Value condition, Value a);

  // Changes of type; `type` has the lanes of the value.
  Value zeroExtend(Value a, Type type);
  Value signExtend(Value a, Type type);
  Value truncate(Value a, Type type);
  Value toFloat(Value a, Type type); ///< of a signed integer
  Value bitcast(Value a, Type type);
  Value splat(Value scalar, int64_t lanes);
  Value fromLanes(ValueRange scalars);
  Value shuffle(Value a, Value c, llvm::ArrayRef<int64_t> lanes);
  /// Lanes [begin, begin + count) of a vector.
  Value slice(Value a, int64_t begin, int64_t count);
  Value lane(Value a, int64_t index);
  Value intrinsic(llvm::StringRef name, Type result, ValueRange operands);

  // Control flow over i64.
  using Body = llvm::function_ref<void(Value)>;
  using CarryBody = llvm::function_ref<Values(Value, ValueRange)>;
  void loop(Value begin, Value end, int64_t step, Body body);
  Values loop(Value begin, Value end, int64_t step, ValueRange carried,
              CarryBody body);
  /// As loop, but `unroll` iterations at once while so many are left.
  Values unrolledLoop(Value begin, Value end, int64_t step, int64_t unroll,
                      ValueRange carried, CarryBody body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifElse(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise);

private:
  Value elementwiseConstant(Type type, mlir::Attribute value);
  mlir::func::FuncOp function;
};

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELBUILDER_H
