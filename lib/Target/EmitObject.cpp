//===- EmitObject.cpp - from the LLVM dialect to an object file -----------===//

#include "TargetLookup.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/Target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Triple.h"
#include <mutex>

using namespace picollm;
using namespace llvm;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message.str().c_str());
}

void picollm::initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
  });
}

static Expected<std::unique_ptr<TargetMachine>>
createMachine(const TargetDescription &description) {
  auto target = lookUpTarget(description.triple);
  if (!target)
    return target.takeError();
  TargetOptions options;
  // Results are defined by separate multiplications and additions.
  options.AllowFPOpFusion = FPOpFusion::Strict;
  options.FunctionSections = true;
  std::unique_ptr<TargetMachine> machine((*target)->createTargetMachine(
      Triple(description.triple), "", "", options, Reloc::PIC_, std::nullopt,
      CodeGenOptLevel::Aggressive));
  if (!machine)
    return error("LLVM cannot generate code for '" + description.triple + "'");
  return std::move(machine);
}

/// Adds what -mattr and -mcpu say to every function, and how code is tuned.
static void setAttributes(llvm::Module &module,
                          const TargetDescription &description) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    std::vector<std::string> features;
    StringRef own =
        function.getFnAttribute("target-features").getValueAsString();
    if (!own.empty())
      features.push_back(own.str());
    features.insert(features.end(), description.features.begin(),
                    description.features.end());
    // Permuted activations are gathered: in microcode on many processors, which
    // takes several times as long as a load for each.
    if (module.getTargetTriple().isX86())
      features.push_back("+prefer-no-gather");
    if (!features.empty())
      function.addFnAttr("target-features", join(features, ","));
    if (!description.tuneCpu.empty())
      function.addFnAttr("tune-cpu", description.tuneCpu);
  }
}

static void optimize(llvm::Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

static Error emit(mlir::ModuleOp module, const TargetDescription &description,
                  StringRef path, CodeGenFileType type) {
  auto machine = createMachine(description);
  if (!machine)
    return machine.takeError();
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);

  LLVMContext context;
  std::unique_ptr<llvm::Module> ir =
      mlir::translateModuleToLLVMIR(module, context, "picollm_step");
  if (!ir)
    return error("the compiled step cannot be translated to LLVM IR");
  ir->setTargetTriple(Triple(description.triple));
  ir->setDataLayout((*machine)->createDataLayout());
  setAttributes(*ir, description);
  std::string message;
  raw_string_ostream stream(message);
  if (verifyModule(*ir, &stream))
    return error("the compiled step is not valid LLVM IR: " + message);
  optimize(*ir, **machine);

  SmallVector<char, 0> bytes;
  raw_svector_ostream buffer(bytes);
  legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, buffer, nullptr, type))
    return error("LLVM cannot write files for '" + description.triple + "'");
  passes.run(*ir);
  return writeFile(path, StringRef(bytes.data(), bytes.size()));
}

Error picollm::emitObject(mlir::ModuleOp module,
                          const TargetDescription &target, StringRef path) {
  return emit(module, target, path, CodeGenFileType::ObjectFile);
}

Error picollm::emitAssembly(mlir::ModuleOp module,
                            const TargetDescription &target, StringRef path) {
  return emit(module, target, path, CodeGenFileType::AssemblyFile);
}
