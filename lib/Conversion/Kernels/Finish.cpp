//===- Finish.cpp - from sums of a tile to results ------------------------===//

#include "Finish.h"

#include "../ISA.h"
#include "../StepFunctions.h"

using namespace picollm;
using mlir::arith::CmpIPredicate;

llvm::StringRef picollm::nameOf(LinearEpilogue epilogue) {
  switch (epilogue) {
  case LinearEpilogue::Store:
    return "store";
  case LinearEpilogue::Add:
    return "add";
  case LinearEpilogue::SiLU:
    return "silu";
  case LinearEpilogue::GeLUTanh:
    return "gelu_tanh";
  }
  llvm_unreachable("covered switch");
}

bool picollm::isGate(LinearEpilogue epilogue) {
  return epilogue == LinearEpilogue::SiLU ||
         epilogue == LinearEpilogue::GeLUTanh;
}

/// 8 rows of the result: sums times row scales, through the gate. `offset` is
/// that of the sums in bytes, `row` the first of the 8 rows.
static Value result(KernelBuilder &k, LinearEpilogue epilogue, Value offset,
                    Value row) {
  Values scaled;
  for (unsigned panel = 0; panel < (isGate(epilogue) ? 2u : 1u); ++panel) {
    Value bits = k.load(k.vec(8, k.i16),
                        k.at(k.argument(2 + panel), k.shiftLeft(row, 1)), 16);
    Value sums = k.load(k.vec(8, k.f32), k.at(k.argument(panel), offset), 32);
    scaled.push_back(k.fmul(sums, hooksOf(k.isa).extendHalf(k, bits)));
  }
  if (!isGate(epilogue))
    return scaled[0];
  Value gate = epilogue == LinearEpilogue::SiLU ? emitSiLU(k, scaled[0])
                                                : emitGeLUTanh(k, scaled[0]);
  return k.fmul(gate, scaled[1]);
}

mlir::func::FuncOp picollm::getFinish(mlir::ModuleOp module, InstructionSet isa,
                                      LinearEpilogue epilogue) {
  KernelBuilder k(module, isa);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      ("finish_" + nameOf(epilogue)).str(),
      {k.ptr, k.ptr, k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.i64}, existing);
  if (!function)
    return existing;
  Value out = k.argument(4), stride = k.argument(5), rows = k.argument(7);
  auto write = [&](Value value, Value place) {
    if (epilogue == LinearEpilogue::Add)
      value = k.fadd(k.load(value.getType(), place, 4), value);
    k.store(value, place, 4);
  };
  Value rest = k.stack(32);
  k.loop(k.index(0), k.argument(6), 1, [&](Value token) {
    Value place = k.at(out, k.mul(token, stride));
    k.loop(k.index(0), rows, 8, [&](Value row) {
      Value bytes = k.shiftLeft(row, 2);
      Value offset = k.add(k.shiftLeft(token, 7), bytes);
      Value value = result(k, epilogue, offset, row);
      Value target = k.at(place, bytes), left = k.sub(rows, row);
      k.ifElse(
          k.compare(CmpIPredicate::sge, left, k.index(8)),
          [&] { write(value, target); },
          [&] {
            k.store(value, rest, 32);
            k.loop(k.index(0), k.shiftLeft(left, 2), 4, [&](Value i) {
              write(k.load(k.f32, k.at(rest, i), 4), k.at(target, i));
            });
          });
    });
  });
  k.endFunction();
  return function;
}
