//===- CodePointClasses.cpp - characters that patterns tell apart ---------===//

#include "CodePointClasses.h"
#include "picollm/tokenizer_file.h"
#include <algorithm>
#include <map>

using namespace picollm;

/// Where some set begins or ends: between two of these all code points are in
/// the same sets.
static std::vector<uint32_t>
collectBoundaries(llvm::ArrayRef<const icu::UnicodeSet *> sets) {
  std::vector<uint32_t> boundaries = {0, PICOLLM_TOKENIZER_CODE_POINTS};
  for (const icu::UnicodeSet *set : sets) {
    for (int32_t i = 0; i < set->getRangeCount(); ++i) {
      boundaries.push_back(uint32_t(set->getRangeStart(i)));
      boundaries.push_back(uint32_t(set->getRangeEnd(i)) + 1);
    }
  }
  std::sort(boundaries.begin(), boundaries.end());
  boundaries.erase(std::unique(boundaries.begin(), boundaries.end()),
                   boundaries.end());
  return boundaries;
}

/// Neighbouring code points of one class.
struct ClassRange {
  uint32_t end;
  uint8_t number;
};

/// The pages of 256 code points, equal ones stored once.
static void layOutPages(llvm::ArrayRef<ClassRange> ranges,
                        CodePointClasses &result) {
  const uint32_t size = PICOLLM_TOKENIZER_PAGE_CODE_POINTS;
  std::map<std::vector<uint8_t>, uint16_t> blockOf;
  std::vector<int> uniformBlockOf(256, -1);
  const ClassRange *range = ranges.begin();
  for (uint32_t page = 0; page < PICOLLM_TOKENIZER_CODE_POINTS; page += size) {
    while (range->end <= page)
      ++range;
    // Most pages are of one class.
    bool isUniform = range->end >= page + size;
    if (isUniform && uniformBlockOf[range->number] >= 0) {
      result.pages.push_back(uint16_t(uniformBlockOf[range->number]));
      continue;
    }
    std::vector<uint8_t> block(size);
    const ClassRange *part = range;
    for (uint32_t i = 0; i < size; ++i) {
      while (part->end <= page + i)
        ++part;
      block[i] = part->number;
    }
    auto [entry, isNew] = blockOf.try_emplace(block, uint16_t(blockOf.size()));
    if (isNew)
      result.blocks.insert(result.blocks.end(), block.begin(), block.end());
    if (isUniform)
      uniformBlockOf[range->number] = entry->second;
    result.pages.push_back(entry->second);
  }
}

llvm::Expected<CodePointClasses>
picollm::partitionCodePoints(llvm::ArrayRef<const icu::UnicodeSet *> sets) {
  std::map<std::vector<bool>, unsigned> classOfSignature;
  std::vector<ClassRange> ranges;
  std::vector<uint32_t> boundaries = collectBoundaries(sets);
  for (size_t i = 0; i + 1 < boundaries.size(); ++i) {
    std::vector<bool> signature;
    for (const icu::UnicodeSet *set : sets)
      signature.push_back(set->contains(UChar32(boundaries[i])));
    unsigned number = unsigned(classOfSignature.size());
    number = classOfSignature.try_emplace(signature, number).first->second;
    if (number > 255)
      return llvm::createStringError(
          "the patterns of the pre-tokeniser tell more than 256 kinds of "
          "characters apart");
    ranges.push_back({boundaries[i + 1], uint8_t(number)});
  }

  CodePointClasses result;
  result.count = unsigned(classOfSignature.size());
  result.members.assign(sets.size(), llvm::BitVector(result.count));
  for (const auto &[signature, number] : classOfSignature)
    for (size_t set = 0; set < sets.size(); ++set)
      if (signature[set])
        result.members[set].set(number);
  layOutPages(ranges, result);
  return result;
}
