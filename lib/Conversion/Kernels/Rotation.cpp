//===- Rotation.cpp - cosines and sines of positions ----------------------===//
//
// In f64: the angle a is reduced by n = round(a * 2 / pi) quarter turns, with
// pi / 2 in two parts of which the first has 24 bits, so that n * part is exact
// for n < 2^29. Taylor series on [-pi / 4, pi / 4] to x^15 and x^16 leave less
// than 1e-16; below angles of 1e6 the error is under 1e-10.
//
//===----------------------------------------------------------------------===//

#include "../StepFunctions.h"
#include "Polynomial.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include <cmath>

using namespace picollm;
using mlir::arith::CmpIPredicate;

/// 1, -1 / 2!, 1 / 4!, ... (start 0) or 1, -1 / 3!, 1 / 5!, ... (start 1).
static llvm::SmallVector<double> taylor(int start) {
  llvm::SmallVector<double> coefficients = {1};
  for (int i = 1; i <= 8; ++i)
    coefficients.push_back(-coefficients.back() / (2 * i + start) /
                           (2 * i + start - 1));
  return coefficients;
}

static std::pair<Value, Value> emitCosSin(KernelBuilder &k, Value angle) {
  auto c = [&](double value) { return k.constant(k.f64, value); };
  Value magic = c(6755399441055744.0); // 1.5 * 2^52: rounds to an integer
  Value shifted = k.fadd(k.fmul(angle, c(M_2_PI)), magic);
  Value n = k.fsub(shifted, magic);
  Value quarter = k.bitAnd(k.bitcast(shifted, k.i64), 3);
  double high = static_cast<float>(M_PI_2);
  Value r =
      k.fsub(k.fsub(angle, k.fmul(n, c(high))), k.fmul(n, c(M_PI_2 - high)));
  Value square = k.fmul(r, r);
  Value cosine = emitPolynomial(k, square, taylor(0));
  Value sine = k.fmul(r, emitPolynomial(k, square, taylor(1)));
  auto isOneOf = [&](int64_t a, int64_t b) {
    Value first = k.compare(CmpIPredicate::eq, quarter, k.index(a));
    return k.bitOr(first, k.compare(CmpIPredicate::eq, quarter, k.index(b)));
  };
  Value swap = isOneOf(1, 3);
  Value outCosine = k.select(swap, sine, cosine);
  Value outSine = k.select(swap, cosine, sine);
  return {k.select(isOneOf(1, 2), k.fneg(outCosine), outCosine),
          k.select(isOneOf(2, 3), k.fneg(outSine), outSine)};
}

/// A constant array of the module, by name.
static Value frequencyTable(KernelBuilder &k, const std::string &name,
                            llvm::ArrayRef<double> frequencies) {
  auto type = mlir::LLVM::LLVMArrayType::get(k.f64, frequencies.size());
  auto value = mlir::DenseElementsAttr::get(
      mlir::RankedTensorType::get({int64_t(frequencies.size())}, k.f64),
      frequencies);
  {
    mlir::OpBuilder::InsertionGuard guard(k.b);
    k.b.setInsertionPointToStart(k.module.getBody());
    mlir::LLVM::GlobalOp::create(k.b, type, /*isConstant=*/true,
                                 mlir::LLVM::Linkage::Internal, name, value,
                                 /*alignment=*/64);
  }
  return mlir::LLVM::AddressOfOp::create(k.b, k.ptr, name);
}

mlir::func::FuncOp StepParts::rotation(llvm::ArrayRef<double> frequencies,
                                       double scale) {
  std::string key = "rotation";
  for (double value : frequencies)
    key += " " + std::to_string(llvm::bit_cast<uint64_t>(value));
  key += " " + std::to_string(llvm::bit_cast<uint64_t>(scale));
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  std::string name = table->number("rotation");
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      name, {k.ptr, k.ptr, k.i64, k.i64, k.i64, k.i64}, existing);
  int64_t half = frequencies.size();
  Value values = frequencyTable(k, name + "_frequencies_" + nameOf(k.isa).str(),
                                frequencies);
  Value out = k.argument(0), sequences = k.argument(1);
  Value sequenceCount = k.argument(2), tokens = k.argument(3);
  Value thread = k.argument(4), threads = k.argument(5);
  Value begin = shareBegin(k, tokens, thread, threads);
  Value end = shareBegin(k, tokens, k.add(thread, k.index(1)), threads);
  auto emitToken = [&](Value token, Value position) {
    Value row = k.at(out, k.mul(token, k.index(8 * half)));
    Value at = k.toFloat(position, k.f64);
    k.loop(k.index(0), k.index(half), 1, [&](Value i) {
      Value frequency = k.load(k.f64, k.at(values, k.mul(i, k.index(8))), 8);
      auto [cosine, sine] = emitCosSin(k, k.fmul(at, frequency));
      Value place = k.at(row, k.mul(i, k.index(4)));
      auto store = [&](Value value, int64_t offset) {
        Value scaled = k.fmul(value, k.constant(k.f64, scale));
        k.store(mlir::arith::TruncFOp::create(k.b, k.f32, scaled),
                k.at(place, offset), 4);
      };
      store(cosine, 0);
      store(sine, 4 * half);
    });
  };
  forEachSequence(k, sequences, sequenceCount, [&](const StepSequence &s) {
    Value last = k.minimum(end, k.add(s.firstToken, s.tokenCount));
    Value before = k.sub(s.position, s.firstToken);
    k.loop(k.maximum(begin, s.firstToken), last, 1,
           [&](Value token) { emitToken(token, k.add(before, token)); });
  });
  k.endFunction();
  table->insert(key, function);
  return function;
}
