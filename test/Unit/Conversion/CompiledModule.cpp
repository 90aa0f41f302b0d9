//===- CompiledModule.cpp - generated functions that can be called --------===//

#include "CompiledModule.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Target/Target.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "gtest/gtest.h"
#include <dlfcn.h>

using namespace picollm;

static bool isOfThisMachine(InstructionSet isa) {
  llvm::StringRef architecture = architectureOf(isa);
  llvm::Triple triple(llvm::sys::getProcessTriple());
  return architecture.empty() || architecture == triple.getArchName();
}

/// The least processor of the emulator that has the instruction set.
static const char *emulatedProcessor(InstructionSet isa) {
  switch (isa) {
  case InstructionSet::NEON:
    return "cortex-a53";
  case InstructionSet::DotProduct:
    return "neoverse-n1";
  default:
    return "max";
  }
}

std::string picollm::reasonNotToRun(InstructionSet isa) {
  if (isOfThisMachine(isa)) {
    auto host = llvm::sys::getHostCPUFeatures();
    for (llvm::StringRef feature : featuresOf(isa))
      if (!host.lookup(feature))
        return "this processor has no " + feature.str();
    return "";
  }
  if (architectureOf(isa) == "aarch64" && EmulatedLibrary::isAvailable())
    return "";
  return "nothing here runs " + architectureOf(isa).str();
}

uint32_t picollm::numberFrom(const char *variable, uint32_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? uint32_t(std::strtoul(text, nullptr, 10)) : otherwise;
}

CompiledModule::CompiledModule(InstructionSet isa)
    : isa(isa),
      module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))) {}

CompiledModule::~CompiledModule() {
  if (handle)
    dlclose(handle);
  if (!path.empty()) {
    llvm::sys::fs::remove(path);
    llvm::sys::fs::remove(path + ".o");
  }
}

static std::string take(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : std::string();
}

void CompiledModule::load() {
  mlir::PassManager manager(&context);
  addConversionsToLLVM(manager);
  ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
  setFunctionAttributes(*module);
  std::vector<std::string> exports;
  module->walk([&](mlir::LLVM::LLVMFuncOp function) {
    if (!function.isPrivate())
      exports.push_back(function.getName().str());
  });
  llvm::SmallString<128> file;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("picollm", "so", file));
  path = file.str().str();
  auto target =
      parseTarget(isOfThisMachine(isa) ? "host" : architectureOf(isa));
  ASSERT_TRUE(static_cast<bool>(target)) << take(target.takeError());
  ASSERT_EQ(take(emitObject(*module, *target, path + ".o")), "");
  ASSERT_EQ(take(linkSharedLibrary({path + ".o"}, exports, path)), "");
  if (!isOfThisMachine(isa)) {
    emulated = std::make_unique<EmulatedLibrary>(path, emulatedProcessor(isa));
    return;
  }
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
}

void CompiledModule::call(const std::string &name,
                          const std::vector<Argument> &arguments) {
  ASSERT_LE(arguments.size(), kMaximumArguments);
  if (emulated) {
    std::string problem =
        emulated->call(name, {arguments.begin(), arguments.end()});
    ASSERT_EQ(problem, "") << name;
    return;
  }
  void *address = handle ? dlsym(handle, name.c_str()) : nullptr;
  ASSERT_NE(address, nullptr) << name;
  int64_t a[kMaximumArguments] = {};
  for (size_t i = 0; i < arguments.size(); ++i)
    a[i] = arguments[i].value + reinterpret_cast<intptr_t>(arguments[i].data);
  // Arguments too many are not looked at in any calling convention here.
  using Function = void(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                        int64_t, int64_t, int64_t);
  reinterpret_cast<Function *>(address)(a[0], a[1], a[2], a[3], a[4], a[5],
                                        a[6], a[7], a[8]);
}
