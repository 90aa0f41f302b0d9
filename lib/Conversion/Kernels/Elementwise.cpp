//===- Elementwise.cpp - functions of the gate ----------------------------===//
//
// Own exponential: generated code imports no mathematical library.
//
//===----------------------------------------------------------------------===//

#include "../StepFunctions.h"
#include "Polynomial.h"

#include <cmath>

using namespace picollm;
using mlir::arith::CmpFPredicate;

Value picollm::emitPolynomial(KernelBuilder &k, Value x,
                              llvm::ArrayRef<double> coefficients) {
  Value sum = k.constant(x.getType(), coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = k.fadd(k.fmul(sum, x), k.constant(x.getType(), coefficient));
  return sum;
}

/// exp(x) for f32 x 8, within 2 ulp, limited to exp(-87) .. exp(88).
/// x = n ln 2 + r, |r| <= ln(2) / 2; the Taylor series of exp(r) to r^7 leaves
/// less than 6e-9.
static Value emitExp(KernelBuilder &k, Value x) {
  Type floats = x.getType(), words = k.vec(8, k.i32);
  auto c = [&](double value) { return k.constant(floats, value); };
  Value low = c(-87), high = c(88);
  x = k.select(k.compare(CmpFPredicate::OLT, x, high), x, high);
  x = k.select(k.compare(CmpFPredicate::OGT, x, low), x, low);
  Value magic = c(12582912.0); // 1.5 * 2^23: adding it rounds to an integer
  Value shifted = k.fadd(k.fmul(x, c(1 / M_LN2)), magic);
  Value n = k.fsub(shifted, magic);
  // 355 / 512 has 9 bits, so n * (355 / 512) is exact.
  Value r = k.fsub(k.fsub(x, k.fmul(n, c(0.693359375))),
                   k.fmul(n, c(M_LN2 - 0.693359375)));
  llvm::SmallVector<double> taylor = {1};
  for (int i = 1; i <= 7; ++i)
    taylor.push_back(taylor.back() / i);
  Value exponent = k.shiftLeft(
      k.add(k.sub(k.bitcast(shifted, words), k.bitcast(magic, words)),
            k.constant(words, 127)),
      23);
  return k.fmul(emitPolynomial(k, r, taylor), k.bitcast(exponent, floats));
}

/// x / (1 + exp(-scaled)).
static Value emitGate(KernelBuilder &k, Value x, Value scaled) {
  Value one = k.constant(x.getType(), 1.0);
  return k.fdiv(x, k.fadd(one, emitExp(k, k.fneg(scaled))));
}

Value picollm::emitSiLU(KernelBuilder &k, Value x) { return emitGate(k, x, x); }

/// 0.5 x (1 + tanh(u)) = x / (1 + exp(-2 u)), u = sqrt(2 / pi) (x + 0.044715
/// x^3); https://arxiv.org/abs/1606.08415
Value picollm::emitGeLUTanh(KernelBuilder &k, Value x) {
  Value cube = k.fmul(k.fmul(x, x), x);
  Value inner = k.fadd(x, k.fmul(k.constant(x.getType(), 0.044715), cube));
  return emitGate(
      k, x, k.fmul(k.constant(x.getType(), 2 * std::sqrt(M_2_PI)), inner));
}
