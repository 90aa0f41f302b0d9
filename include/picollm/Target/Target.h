//===- Target.h - what is compiled for, objects, libraries ------*- C++ -*-===//

#ifndef PICOLLM_TARGET_TARGET_H
#define PICOLLM_TARGET_TARGET_H

#include "picollm/Conversion/InstructionSet.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace picollm {

/// What a model is compiled for.
struct TargetDescription {
  std::string triple;
  std::string tuneCpu; ///< whose costs the code is scheduled for, or empty
  /// Features of -mattr, each with its sign: "+fma".
  std::vector<std::string> features;
  /// One variant of the step for each, best first.
  std::vector<InstructionSet> instructionSets;

  /// Features that a variant needs, comma-separated without signs, as in
  /// picollm_variant::cpu_features.
  std::string requiredFeatures(InstructionSet isa) const;
};

/// Parses -target, -mcpu and -mattr.
/// `target`: comma-separated names of one architecture: "host" (what this
/// machine's processor has), "x86-64" (portable baseline), "x86-64-v3" (AVX2),
/// "x86-64-v4" (AVX-512 with VNNI), "aarch64" (a variant with dot product and
/// one without), or an LLVM triple. `cpu`: an LLVM processor; with a triple it
/// chooses the instruction set, always the scheduling. `features`:
/// comma-separated "+name" or "-name". Unknown names are errors that list what
/// there is. Variants whose features are taken away are left out; it is an
/// error if none is left.
llvm::Expected<TargetDescription> parseTarget(llvm::StringRef target,
                                              llvm::StringRef cpu = "",
                                              llvm::StringRef features = "");

/// Compiles a module of the LLVM dialect to a relocatable object at `path`,
/// optimised, position independent, without contraction of floating-point
/// operations. The file appears complete or not at all.
llvm::Error emitObject(mlir::ModuleOp module, const TargetDescription &target,
                       llvm::StringRef path);

/// As emitObject, but assembly text.
llvm::Error emitAssembly(mlir::ModuleOp module, const TargetDescription &target,
                         llvm::StringRef path);

/// Links ELF objects into the shared library `path`, which exports `exports`
/// and nothing else, with lld as a process. The file appears complete or not at
/// all. On failure the error carries the linker's message.
llvm::Error linkSharedLibrary(llvm::ArrayRef<std::string> objects,
                              llvm::ArrayRef<std::string> exports,
                              llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_TARGET_TARGET_H
