//===- InstructionSet.h - what kernels are generated for --------*- C++ -*-===//

#ifndef PICOLLM_CONVERSION_INSTRUCTIONSET_H
#define PICOLLM_CONVERSION_INSTRUCTIONSET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace picollm {

/// A set of instructions that has kernels of its own.
enum class InstructionSet {
  Portable, ///< plain IR that LLVM legalises on any little-endian target
  AVX2,     ///< x86-64 with AVX2 and F16C
};

/// All of them, best first.
llvm::ArrayRef<InstructionSet> allInstructionSets();

/// As in names of kernels and pass options: "portable", "avx2".
llvm::StringRef nameOf(InstructionSet isa);
std::optional<InstructionSet> instructionSetByName(llvm::StringRef name);

/// LLVM features that the target must have, without "+".
llvm::ArrayRef<llvm::StringRef> featuresOf(InstructionSet isa);

} // namespace picollm

#endif // PICOLLM_CONVERSION_INSTRUCTIONSET_H
