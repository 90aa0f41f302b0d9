//===- StandardToLLVM.cpp - from func, scf, vector, arith to LLVM ---------===//

#include "picollm/Conversion/Kernels.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace picollm;
using namespace mlir;

void picollm::addConversionsToLLVM(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

void picollm::setFunctionAttributes(ModuleOp module) {
  MLIRContext *context = module.getContext();
  module.walk([&](LLVM::LLVMFuncOp function) {
    if (function.isExternal())
      return;
    if (function.isPrivate())
      function.setLinkage(LLVM::Linkage::Internal);
    auto isa = function->getAttrOfType<StringAttr>("picollm.isa");
    function->removeAttr("picollm.isa");
    if (!isa)
      return;
    // Kept calls, so that a name in a profile says what takes the time, and so
    // that LLVM does not gather all drivers in one function.
    function.setNoInline(true);
    SmallVector<StringAttr> features;
    for (StringRef feature : featuresOf(*instructionSetByName(isa)))
      features.push_back(StringAttr::get(context, "+" + feature));
    if (!features.empty())
      function.setTargetFeaturesAttr(
          LLVM::TargetFeaturesAttr::get(context, features));
  });
}
