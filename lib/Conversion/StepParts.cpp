//===- StepParts.cpp - what the functions of a step share -----------------===//

#include "StepFunctions.h"

#include "ISA.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

StepParts::StepParts(mlir::ModuleOp module, InstructionSet isa)
    : builder(std::make_unique<KernelBuilder>(module, isa)),
      table(std::make_unique<FunctionTable>()) {}

StepParts::~StepParts() = default;

std::string picollm::layoutKey(const MatrixLayout &layout) {
  std::string key;
  llvm::raw_string_ostream out(key);
  out << layout.columns;
  for (const Panel &panel : layout.panels) {
    out << ";" << panel.rows;
    for (const Segment &segment : panel.segments) {
      out << "," << segment.bits << "x" << segment.columns;
      if (segment.group)
        out << "g" << segment.group;
    }
  }
  return key;
}

Value picollm::emitIsMany(KernelBuilder &k, Value rows) {
  return k.compare(mlir::arith::CmpIPredicate::sge, rows,
                   k.index(manyRowsOf(k.isa)));
}

Value picollm::shareBegin(KernelBuilder &k, Value total, Value thread,
                          Value threads) {
  return k.div(k.mul(total, thread), threads);
}

Value picollm::loadHalf(KernelBuilder &k, Value pointer) {
  Value bits = k.splat(k.load(k.i16, pointer, 2), 8);
  return k.lane(hooksOf(k.isa).extendHalf(k, bits), 0);
}
