//===- InstructionSet.cpp - names and features ----------------------------===//

#include "picollm/Conversion/InstructionSet.h"

#include "picollm/Layout/Layout.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;
using llvm::StringRef;

namespace {
struct Entry {
  InstructionSet isa;
  StringRef name, architecture;
  llvm::ArrayRef<StringRef> features;
  int64_t manyRows = picollm::manyRows;
};
} // namespace

// FMA comes with every AVX2, DQ and CD with every AVX-512BW: the attention
// kernels use them.
static const StringRef avx2Features[] = {"avx2", "f16c", "fma"};
static const StringRef avxVnniFeatures[] = {"avx2", "f16c", "fma", "avxvnni"};
static const StringRef avx512Features[] = {
    "avx2",     "f16c",     "fma",      "avx512f",   "avx512bw",
    "avx512cd", "avx512dq", "avx512vl", "avx512vnni"};
static const StringRef avx512GfniFeatures[] = {
    "avx2",     "f16c",     "fma",        "avx512f",    "avx512bw", "avx512cd",
    "avx512dq", "avx512vl", "avx512vnni", "avx512vbmi", "gfni"};
static const StringRef dotProductFeatures[] = {"neon", "dotprod"};
static const StringRef i8mmFeatures[] = {"neon", "dotprod", "i8mm"};
static const StringRef neonFeatures[] = {"neon"};
/// Best first within an architecture; portable code comes last.
static const Entry entries[] = {
    {InstructionSet::AVX512GFNI, "avx512gfni", "x86_64", avx512GfniFeatures, 2},
    {InstructionSet::AVX512, "avx512", "x86_64", avx512Features, 8},
    {InstructionSet::AVXVNNI, "avxvnni", "x86_64", avxVnniFeatures},
    {InstructionSet::AVX2, "avx2", "x86_64", avx2Features},
    {InstructionSet::I8MM, "i8mm", "aarch64", i8mmFeatures},
    {InstructionSet::DotProduct, "dotprod", "aarch64", dotProductFeatures},
    {InstructionSet::NEON, "neon", "aarch64", neonFeatures},
    {InstructionSet::Portable, "portable", "", {}},
};

static const Entry &entryOf(InstructionSet isa) {
  return *llvm::find_if(entries,
                        [isa](const Entry &entry) { return entry.isa == isa; });
}

llvm::ArrayRef<InstructionSet> picollm::allInstructionSets() {
  static const auto all = llvm::map_to_vector(
      entries, [](const Entry &entry) { return entry.isa; });
  return all;
}

StringRef picollm::nameOf(InstructionSet isa) { return entryOf(isa).name; }

std::string picollm::namesOfInstructionSets() {
  return llvm::join(
      llvm::map_range(entries,
                      [](const Entry &entry) { return entry.name.str(); }),
      ", ");
}

std::optional<InstructionSet> picollm::instructionSetByName(StringRef name) {
  for (const Entry &entry : entries)
    if (entry.name == name)
      return entry.isa;
  return std::nullopt;
}

llvm::ArrayRef<StringRef> picollm::featuresOf(InstructionSet isa) {
  return entryOf(isa).features;
}

int64_t picollm::manyRowsOf(InstructionSet isa) {
  return entryOf(isa).manyRows;
}

StringRef picollm::architectureOf(InstructionSet isa) {
  return entryOf(isa).architecture;
}
