//===- InstructionSet.h - what kernels are generated for --------*- C++ -*-===//

#ifndef PICOLLM_CONVERSION_INSTRUCTIONSET_H
#define PICOLLM_CONVERSION_INSTRUCTIONSET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace picollm {

/// A set of instructions that has kernels of its own.
enum class InstructionSet {
  Portable,   ///< plain IR that LLVM legalises on any little-endian target
  AVX2,       ///< x86-64 with AVX2, F16C and FMA
  AVXVNNI,    ///< and with AVX-VNNI
  AVX512,     ///< AVX2's, and with AVX-512F, BW, CD, DQ, VL and VNNI
  AVX512GFNI, ///< and with VBMI and GFNI
  NEON,       ///< every aarch64 (ARMv8.0)
  DotProduct, ///< aarch64 with sdot (optional from ARMv8.2 on, then usual)
  I8MM,       ///< and with smmla (optional from ARMv8.2 on, usual from 8.6)
};

/// All of them, best first.
llvm::ArrayRef<InstructionSet> allInstructionSets();

/// As in names of kernels and pass options: "portable", "avx2", "avxvnni",
/// "avx512", "avx512gfni", "neon", "dotprod", "i8mm".
llvm::StringRef nameOf(InstructionSet isa);
/// All names, for messages: "avx2, ...".
std::string namesOfInstructionSets();
std::optional<InstructionSet> instructionSetByName(llvm::StringRef name);

/// LLVM features that the target must have, without "+".
llvm::ArrayRef<llvm::StringRef> featuresOf(InstructionSet isa);

/// From so many rows (tokens) of a call on they are Rows::Many: products with
/// weights unpacked once are then faster than look-ups for each, as measured
/// (docs/decisions/prompts-share-unpacked-weights.md).
int64_t manyRowsOf(InstructionSet isa);

/// LLVM's name of the only architecture that has it, or "" for any.
llvm::StringRef architectureOf(InstructionSet isa);

} // namespace picollm

#endif // PICOLLM_CONVERSION_INSTRUCTIONSET_H
