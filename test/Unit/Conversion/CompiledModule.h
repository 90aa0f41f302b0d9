//===- CompiledModule.h - generated functions, loaded -----------*- C++ -*-===//
//
// Compiles a module to a shared library as the compiler does, and loads it.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H
#define PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Conversion/InstructionSet.h"
#include "llvm/ADT/STLExtras.h"
#include <string>
#include <vector>

namespace picollm {

/// True where this machine's processor has the features of `isa`.
bool canRun(InstructionSet isa);

class CompiledModule {
public:
  CompiledModule();
  ~CompiledModule();

  mlir::ModuleOp getModule() { return *module; }

  /// Compiles all functions of the module and loads them; every public function
  /// can be looked up afterwards. Fails the running test on errors.
  void load();

  template <typename Function> Function *get(const std::string &name) {
    return reinterpret_cast<Function *>(symbol(name));
  }

private:
  void *symbol(const std::string &name);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string path;
  void *handle = nullptr;
};

/// A buffer aligned as the runtime's.
template <typename T> class AlignedBuffer {
public:
  explicit AlignedBuffer(size_t count, T value = T())
      : storage(count * sizeof(T) + 64), count(count) {
    std::fill(begin(), end(), value);
  }
  T *data() {
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    return reinterpret_cast<T *>((address + 63) / 64 * 64);
  }
  T *begin() { return data(); }
  T *end() { return data() + count; }
  T &operator[](size_t i) { return data()[i]; }
  size_t size() const { return count; }

private:
  std::vector<char> storage;
  size_t count;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H
