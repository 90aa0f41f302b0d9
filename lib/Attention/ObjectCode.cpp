//===- ObjectCode.cpp - bitcode and shim to an object ---------------------===//

#include "ObjectCode.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace llvm;

namespace picollm::attention {

static Expected<std::unique_ptr<TargetMachine>>
createTargetMachine(const Triple &triple, const HalideTarget &target) {
  InitializeAllTargetInfos();
  InitializeAllTargets();
  InitializeAllTargetMCs();
  InitializeAllAsmPrinters();
  std::string message;
  const Target *llvmTarget = TargetRegistry::lookupTarget(triple, message);
  if (!llvmTarget)
    return createStringError("attention: " + message);
  std::unique_ptr<TargetMachine> machine(llvmTarget->createTargetMachine(
      triple, "", target.llvmFeatures, TargetOptions(), Reloc::PIC_,
      std::nullopt, CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("attention: LLVM has no code generator for '" +
                             triple.str() + "'");
  return machine;
}

/// Halide names a CPU (haswell for AVX2), which stands for more features than
/// were asked for: code must run wherever the named features exist.
static void setFeatures(Module &module, const HalideTarget &target) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.removeFnAttr("target-cpu");
    function.addFnAttr("target-features", target.llvmFeatures);
  }
}

static Error optimize(Module &module, TargetMachine &machine) {
  // Halide has optimised its functions; what is left is the shim and the
  // wrappers that nobody calls.
  PassBuilder passBuilder(&machine);
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  passBuilder.registerModuleAnalyses(modules);
  passBuilder.registerCGSCCAnalyses(graphs);
  passBuilder.registerFunctionAnalyses(functions);
  passBuilder.registerLoopAnalyses(loops);
  passBuilder.crossRegisterProxies(loops, functions, graphs, modules);
  ModulePassManager passes;
  if (Error error = passBuilder.parsePassPipeline(
          passes, "globaldce,function(instcombine,simplifycfg)"))
    return error;
  passes.run(module, modules);
  return Error::success();
}

Error emitObject(std::unique_ptr<Module> shim, const std::string &bitcodePath,
                 const std::string &tripleName, const HalideTarget &target,
                 raw_pwrite_stream &output) {
  const Triple triple(tripleName);
  Expected<std::unique_ptr<TargetMachine>> machine =
      createTargetMachine(triple, target);
  if (!machine)
    return machine.takeError();

  SMDiagnostic diagnostic;
  std::unique_ptr<Module> kernels =
      parseIRFile(bitcodePath, diagnostic, shim->getContext());
  if (!kernels)
    return createStringError(
        "attention: cannot read the generator's bitcode: " +
        diagnostic.getMessage());
  for (Module *module : {shim.get(), kernels.get()}) {
    module->setTargetTriple(triple);
    module->setDataLayout((*machine)->createDataLayout());
  }
  SmallVector<std::string> exported;
  for (Function &function : *shim)
    if (!function.isDeclaration())
      exported.push_back(function.getName().str());
  if (Linker::linkModules(*shim, std::move(kernels)))
    return createStringError("attention: cannot link the generator's bitcode");
  for (GlobalValue &global : shim->global_values())
    if (!global.isDeclaration() && !is_contained(exported, global.getName()))
      global.setLinkage(GlobalValue::InternalLinkage);
  setFeatures(*shim, target);
  std::string problem;
  raw_string_ostream problemStream(problem);
  if (verifyModule(*shim, &problemStream))
    return createStringError("attention: invalid IR: " + problem);
  if (Error error = optimize(*shim, **machine))
    return error;

  legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, output, nullptr,
                                      CodeGenFileType::ObjectFile))
    return createStringError("attention: LLVM writes no objects for '" +
                             triple.str() + "'");
  codegen.run(*shim);
  return Error::success();
}

} // namespace picollm::attention
