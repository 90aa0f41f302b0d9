//===- InstructionSet.cpp - names and features ----------------------------===//

#include "picollm/Conversion/InstructionSet.h"

using namespace picollm;
using llvm::StringRef;

namespace {
struct Entry {
  InstructionSet isa;
  StringRef name;
  llvm::ArrayRef<StringRef> features;
};
} // namespace

static const StringRef avx2Features[] = {"avx2", "f16c"};
static const Entry entries[] = {
    {InstructionSet::AVX2, "avx2", avx2Features},
    {InstructionSet::Portable, "portable", {}},
};
static const InstructionSet all[] = {InstructionSet::AVX2,
                                     InstructionSet::Portable};

static const Entry &entryOf(InstructionSet isa) {
  return isa == InstructionSet::AVX2 ? entries[0] : entries[1];
}

llvm::ArrayRef<InstructionSet> picollm::allInstructionSets() { return all; }

StringRef picollm::nameOf(InstructionSet isa) { return entryOf(isa).name; }

std::optional<InstructionSet> picollm::instructionSetByName(StringRef name) {
  for (const Entry &entry : entries)
    if (entry.name == name)
      return entry.isa;
  return std::nullopt;
}

llvm::ArrayRef<StringRef> picollm::featuresOf(InstructionSet isa) {
  return entryOf(isa).features;
}
