//===- GenerateKernels.cpp - the pass of that name ------------------------===//

#include "picollm/Conversion/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Conversion/Schedule.h"

namespace picollm {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "picollm/Conversion/Passes.h.inc"
} // namespace picollm

using namespace picollm;
using namespace mlir;

namespace {

class GenerateKernels
    : public picollm::impl::GenerateKernelsBase<GenerateKernels> {
public:
  using Base::Base;

private:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<InstructionSet> isa = instructionSetByName(instructionSet);
    if (!isa) {
      module.emitError("instruction set '")
          << instructionSet << "' is unknown, expected one of "
          << namesOfInstructionSets();
      return signalPassFailure();
    }
    if (failed(setSchedules(module, schedule)))
      return signalPassFailure();
    addAllKernels(module, *isa);
    module->removeAttr("picollm.schedules");
    OpPassManager conversions(ModuleOp::getOperationName());
    addConversionsToLLVM(conversions);
    if (failed(runPipeline(conversions, module)))
      return signalPassFailure();
    setFunctionAttributes(module);
  }
};

} // namespace
