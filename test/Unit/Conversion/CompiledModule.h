//===- CompiledModule.h - generated functions that can be called -*- C++
//-*-===//
//
// Compiles functions of one instruction set to a shared library, as the
// compiler does, and calls them: in this process, or in an emulator of its
// architecture (test/Emulated/call_functions.c) on the least processor that has
// it.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H
#define PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H

#include "EmulatedLibrary.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Conversion/InstructionSet.h"
#include "llvm/ADT/STLExtras.h"
#include <memory>
#include <string>
#include <vector>

namespace picollm {

/// Why functions of `isa` cannot be called here, or "".
std::string reasonNotToRun(InstructionSet isa);

/// A number from the environment, which scripts/fuzz-kernels sets.
uint32_t numberFrom(const char *variable, uint32_t otherwise);

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

/// An integer, or the address of a byte of a buffer.
struct Argument : FunctionArgument {
  Argument(int64_t value) : FunctionArgument{nullptr, 0, value, false} {}
  template <typename T>
  Argument(AlignedBuffer<T> &buffer, int64_t offset = 0)
      : FunctionArgument{buffer.data(), buffer.size() * sizeof(T), offset,
                         true} {}
  template <typename T>
  Argument(std::vector<T> &buffer)
      : FunctionArgument{buffer.data(), buffer.size() * sizeof(T), 0, true} {}
  template <typename T>
  Argument(const std::vector<T> &buffer)
      : FunctionArgument{const_cast<T *>(buffer.data()),
                         buffer.size() * sizeof(T), 0, false} {}
};

class CompiledModule {
public:
  explicit CompiledModule(InstructionSet isa);
  ~CompiledModule();

  mlir::ModuleOp getModule() { return *module; }
  InstructionSet getInstructionSet() const { return isa; }

  /// Compiles all functions of the module and loads them; every public function
  /// can be called afterwards. Fails the running test on errors.
  void load();

  /// Calls a function that returns nothing. Fails the running test on errors.
  void call(const std::string &name, const std::vector<Argument> &arguments);

private:
  InstructionSet isa;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string path;
  void *handle = nullptr;
  std::unique_ptr<EmulatedLibrary> emulated;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_CONVERSION_COMPILEDMODULE_H
