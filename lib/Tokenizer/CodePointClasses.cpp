//===- CodePointClasses.cpp - characters that patterns tell apart ---------===//

#include "CodePointClasses.h"
#include "picollm/tokenizer_file.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
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

static constexpr unsigned maxClasses = 256; // numbers fit a byte

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
  auto numberOf = [&](const std::vector<uint8_t> &block) {
    auto [entry, isNew] = blockOf.try_emplace(block, uint16_t(blockOf.size()));
    if (isNew)
      result.blocks.insert(result.blocks.end(), block.begin(), block.end());
    return entry->second;
  };
  const ClassRange *range = ranges.begin();
  uint32_t page = 0;
  while (page < PICOLLM_TOKENIZER_CODE_POINTS) {
    std::vector<uint8_t> block(size);
    uint32_t begin = page;
    for (; range->end < page + size; begin = range++->end)
      std::fill(block.begin() + (begin - page),
                block.begin() + (range->end - page), range->number);
    std::fill(block.begin() + (begin - page), block.end(), range->number);
    result.pages.push_back(numberOf(block));
    page += size;
    // Most pages are of one class, many after each other.
    if (uint32_t count = (range->end - page) / size;
        range->end > page && count) {
      block.assign(size, range->number);
      result.pages.insert(result.pages.end(), count, numberOf(block));
      page += count * size;
    }
    if (range->end == page)
      ++range;
  }
}

/// Calls visit(i) for the intervals [boundaries[i], boundaries[i + 1]) that a
/// set holds, in their order.
static void forEachInterval(const icu::UnicodeSet &set,
                            llvm::ArrayRef<uint32_t> boundaries,
                            llvm::function_ref<void(size_t)> visit) {
  size_t interval = 0;
  for (int32_t i = 0; i < set.getRangeCount(); ++i) {
    while (boundaries[interval] < uint32_t(set.getRangeStart(i)))
      ++interval;
    for (; boundaries[interval] <= uint32_t(set.getRangeEnd(i)); ++interval)
      visit(interval);
  }
}

/// Numbers of classes in the order of their first interval.
static unsigned renumber(llvm::MutableArrayRef<uint16_t> classes) {
  llvm::SmallVector<int, 512> numbers(512, -1);
  unsigned count = 0;
  for (uint16_t &number : classes) {
    int &newNumber = numbers[number];
    if (newNumber < 0)
      newNumber = int(count++);
    number = uint16_t(newNumber);
  }
  return count;
}

llvm::Expected<CodePointClasses>
picollm::partitionCodePoints(llvm::ArrayRef<const icu::UnicodeSet *> sets) {
  CodePointClasses result;
  std::vector<uint32_t> boundaries = collectBoundaries(sets);
  std::vector<uint16_t> classes(boundaries.size() - 1); // of each interval
  result.count = 1;
  for (const icu::UnicodeSet *set : sets) {
    forEachInterval(*set, boundaries,
                    [&](size_t i) { classes[i] += maxClasses; });
    result.count = renumber(classes);
    if (result.count > maxClasses)
      return llvm::createStringError(
          "the patterns of the pre-tokeniser tell more than 256 kinds of "
          "characters apart");
  }
  for (const icu::UnicodeSet *set : sets) {
    llvm::BitVector &members = result.members.emplace_back(result.count);
    forEachInterval(*set, boundaries,
                    [&](size_t i) { members.set(classes[i]); });
  }
  std::vector<ClassRange> ranges;
  for (size_t i = 0; i < classes.size(); ++i)
    ranges.push_back({boundaries[i + 1], uint8_t(classes[i])});
  layOutPages(ranges, result);
  return result;
}
