//===- KernelBuilder.cpp - short forms for vector code --------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace picollm;
using namespace mlir;

KernelBuilder::KernelBuilder(ModuleOp module, InstructionSet isa)
    : module(module), isa(isa), schedule(scheduleOf(module, isa)),
      b(UnknownLoc::get(module.getContext()), module.getContext()) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect, scf::SCFDialect,
                       vector::VectorDialect, LLVM::LLVMDialect>();
  ptr = LLVM::LLVMPointerType::get(context);
  i8 = b.getI8Type(), i16 = b.getI16Type(), i32 = b.getI32Type();
  i64 = b.getI64Type(), f16 = b.getF16Type(), f32 = b.getF32Type();
  f64 = b.getF64Type();
}

//===-- Functions ---------------------------------------------------------===//

func::FuncOp KernelBuilder::beginFunction(StringRef name,
                                          ArrayRef<Type> arguments,
                                          func::FuncOp &existing,
                                          ArrayRef<Type> results) {
  std::string fullName = (name + "_" + nameOf(isa)).str();
  existing = module.lookupSymbol<func::FuncOp>(fullName);
  if (existing)
    return nullptr;
  b.setInsertionPointToEnd(module.getBody());
  function =
      func::FuncOp::create(b, fullName, b.getFunctionType(arguments, results));
  function.setPrivate();
  function->setAttr("picollm.isa", b.getStringAttr(nameOf(isa)));
  for (auto [i, type] : llvm::enumerate(arguments))
    if (type == ptr)
      function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void KernelBuilder::endFunction(ValueRange results) {
  func::ReturnOp::create(b, results);
}

Values KernelBuilder::call(func::FuncOp callee, ValueRange operands) {
  return Values(func::CallOp::create(b, callee, operands).getResults());
}

//===-- Constants ---------------------------------------------------------===//

Value KernelBuilder::elementwiseConstant(Type type, Attribute value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, value));
  return arith::ConstantOp::create(b, cast<TypedAttr>(value));
}

Value KernelBuilder::constant(Type type, double value) {
  return elementwiseConstant(type,
                             b.getFloatAttr(getElementTypeOrSelf(type), value));
}

Value KernelBuilder::constant(Type type, int64_t value) {
  auto element = cast<IntegerType>(getElementTypeOrSelf(type));
  APInt bits(64, static_cast<uint64_t>(value));
  return elementwiseConstant(
      type, b.getIntegerAttr(element, bits.trunc(element.getWidth())));
}

Value KernelBuilder::vectorOf(ArrayRef<float> values) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vec(values.size(), f32), values));
}

Value KernelBuilder::vectorOf(ArrayRef<int8_t> values) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vec(values.size(), i8), values));
}

//===-- Memory ------------------------------------------------------------===//

Value KernelBuilder::at(Value pointer, int64_t bytes) {
  return bytes == 0 ? pointer : at(pointer, index(bytes));
}

Value KernelBuilder::at(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(b, ptr, i8, pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value KernelBuilder::load(Type type, Value pointer, unsigned alignment) {
  return LLVM::LoadOp::create(b, type, pointer, alignment);
}

void KernelBuilder::store(Value value, Value pointer, unsigned alignment) {
  LLVM::StoreOp::create(b, value, pointer, alignment);
}

void KernelBuilder::prefetch(Value pointer, int64_t bytes) {
  if (schedule.prefetchBytes == 0)
    return;
  const int64_t line = 64;
  for (int64_t offset = 0; offset < bytes; offset += line)
    LLVM::Prefetch::create(b, at(pointer, schedule.prefetchBytes + offset),
                           /*rw=*/0,
                           /*hint=*/3, /*cache=*/1);
}

Value KernelBuilder::stack(int64_t bytes) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, ptr, i8, index(bytes), /*alignment=*/64);
}

//===-- Arithmetic --------------------------------------------------------===//

Value KernelBuilder::add(Value a, Value c) {
  return arith::AddIOp::create(b, a, c);
}
Value KernelBuilder::sub(Value a, Value c) {
  return arith::SubIOp::create(b, a, c);
}
Value KernelBuilder::mul(Value a, Value c) {
  return arith::MulIOp::create(b, a, c);
}
Value KernelBuilder::div(Value a, Value c) {
  return arith::DivUIOp::create(b, a, c);
}
Value KernelBuilder::rem(Value a, Value c) {
  return arith::RemUIOp::create(b, a, c);
}
Value KernelBuilder::minimum(Value a, Value c) {
  return arith::MinSIOp::create(b, a, c);
}
Value KernelBuilder::maximum(Value a, Value c) {
  return arith::MaxSIOp::create(b, a, c);
}
Value KernelBuilder::bitAnd(Value a, int64_t mask) {
  return bitAnd(a, constant(a.getType(), mask));
}
Value KernelBuilder::bitAnd(Value a, Value c) {
  return arith::AndIOp::create(b, a, c);
}
Value KernelBuilder::bitOr(Value a, Value c) {
  return arith::OrIOp::create(b, a, c);
}
Value KernelBuilder::bitXor(Value a, Value c) {
  return arith::XOrIOp::create(b, a, c);
}
Value KernelBuilder::shiftLeft(Value a, int64_t bits) {
  return bits ? Value(arith::ShLIOp::create(b, a, constant(a.getType(), bits)))
              : a;
}
Value KernelBuilder::shiftRight(Value a, int64_t bits) {
  return bits ? Value(arith::ShRUIOp::create(b, a, constant(a.getType(), bits)))
              : a;
}
Value KernelBuilder::shiftRightSigned(Value a, int64_t bits) {
  return bits ? Value(arith::ShRSIOp::create(b, a, constant(a.getType(), bits)))
              : a;
}
Value KernelBuilder::fadd(Value a, Value c) {
  return arith::AddFOp::create(b, a, c);
}
Value KernelBuilder::fsub(Value a, Value c) {
  return arith::SubFOp::create(b, a, c);
}
Value KernelBuilder::fmul(Value a, Value c) {
  return arith::MulFOp::create(b, a, c);
}
Value KernelBuilder::fdiv(Value a, Value c) {
  return arith::DivFOp::create(b, a, c);
}
Value KernelBuilder::fneg(Value a) { return arith::NegFOp::create(b, a); }
Value KernelBuilder::compare(arith::CmpIPredicate p, Value a, Value c) {
  return arith::CmpIOp::create(b, p, a, c);
}
Value KernelBuilder::compare(arith::CmpFPredicate p, Value a, Value c) {
  return arith::CmpFOp::create(b, p, a, c);
}
Value KernelBuilder::select(Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, condition, a, c);
}
Value KernelBuilder::isNegative(Value a) {
  return compare(arith::CmpIPredicate::slt, a, constant(a.getType(), 0));
}
Value KernelBuilder::negateWhere(Value condition, Value a) {
  return select(condition, sub(constant(a.getType(), 0), a), a);
}

//===-- Changes of type ---------------------------------------------------===//

Value KernelBuilder::zeroExtend(Value a, Type type) {
  return arith::ExtUIOp::create(b, type, a);
}
Value KernelBuilder::signExtend(Value a, Type type) {
  return arith::ExtSIOp::create(b, type, a);
}
Value KernelBuilder::truncate(Value a, Type type) {
  return arith::TruncIOp::create(b, type, a);
}
Value KernelBuilder::toFloat(Value a, Type type) {
  return arith::SIToFPOp::create(b, type, a);
}
Value KernelBuilder::bitcast(Value a, Type type) {
  if (a.getType() == type)
    return a;
  return LLVM::BitcastOp::create(b, type, a);
}
Value KernelBuilder::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(b, vec(lanes, scalar.getType()), scalar);
}
Value KernelBuilder::fromLanes(ValueRange scalars) {
  Type type = vec(scalars.size(), scalars[0].getType());
  return vector::FromElementsOp::create(b, type, scalars);
}
Value KernelBuilder::shuffle(Value a, Value c, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(b, a, c, lanes);
}
Value KernelBuilder::slice(Value a, int64_t begin, int64_t count) {
  return shuffle(a, a, llvm::to_vector(llvm::seq(begin, begin + count)));
}
Value KernelBuilder::lane(Value a, int64_t index) {
  return vector::ExtractOp::create(b, a, index);
}
Value KernelBuilder::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

//===-- Control flow ------------------------------------------------------===//

Values KernelBuilder::loop(Value begin, Value end, int64_t step,
                           ValueRange carried, CarryBody body) {
  auto loop = scf::ForOp::create(b, begin, end, index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  if (carried.empty())
    loop.getBody()->getTerminator()->erase();
  b.setInsertionPointToEnd(loop.getBody());
  Values results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, results);
  return Values(loop.getResults());
}

void KernelBuilder::loop(Value begin, Value end, int64_t step, Body body) {
  loop(begin, end, step, ValueRange{}, [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

Values KernelBuilder::unrolledLoop(Value begin, Value end, int64_t step,
                                   int64_t unroll, ValueRange carried,
                                   CarryBody body) {
  if (unroll == 1)
    return loop(begin, end, step, carried, body);
  Value length = sub(end, begin);
  Value rest = rem(length, index(step * unroll));
  Value middle = sub(end, rest);
  Values values = loop(begin, middle, step * unroll, carried,
                       [&](Value i, ValueRange current) {
                         Values next(current);
                         for (int64_t u = 0; u < unroll; ++u)
                           next = body(u ? add(i, index(u * step)) : i, next);
                         return next;
                       });
  return loop(middle, end, step, values, body);
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

void KernelBuilder::ifElse(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  then();
  b.setInsertionPointToStart(op.elseBlock());
  otherwise();
}
