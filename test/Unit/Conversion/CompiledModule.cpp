//===- CompiledModule.cpp - generated functions, loaded -------------------===//

#include "CompiledModule.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Target/Target.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"
#include <dlfcn.h>

using namespace picollm;

bool picollm::canRun(InstructionSet isa) {
  auto host = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(featuresOf(isa),
                      [&](llvm::StringRef f) { return host.lookup(f); });
}

CompiledModule::CompiledModule()
    : module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))) {}

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
  auto target = parseTarget("host");
  ASSERT_TRUE(static_cast<bool>(target)) << take(target.takeError());
  ASSERT_EQ(take(emitObject(*module, *target, path + ".o")), "");
  ASSERT_EQ(take(linkSharedLibrary({path + ".o"}, exports, path)), "");
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
}

void *CompiledModule::symbol(const std::string &name) {
  void *address = handle ? dlsym(handle, name.c_str()) : nullptr;
  EXPECT_NE(address, nullptr) << name;
  return address;
}
