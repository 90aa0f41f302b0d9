//===- PackFileFuzzer.cpp - .picollm files of any bytes -------------------===//
//
// The input is the fields of a header, then the file from its second page on.
// The bytecode inside is MLIR's business; the other sections go to the readers
// that the compiler gives them to.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "picollm/Packing/PackFile.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Quantization/AllocationFile.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include <algorithm>
#include <cstring>
#include <vector>

using namespace picollm;
using llvm::StringRef;

using Header = PackFileHeader;
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

template <typename Bytes> static void hashInto(Bytes bytes, uint8_t *out) {
  const auto digest = llvm::SHA256::hash(bytes);
  std::copy(digest.begin(), digest.end(), out);
}

/// Three of four mutations place the sections again and hash them.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  if (size < sizeof(Header) || seed % 4 == 0)
    return size;
  Header header;
  std::memcpy(&header, data, sizeof header);
  llvm::ArrayRef<uint8_t> rest(data + sizeof header, size - sizeof header);
  uint64_t end = packFileHeaderBytes;
  for (size_t i = 0; i < packSectionCount; ++i) {
    PackFileSection &section = header.sections[i];
    section.offset = llvm::alignTo(end, packSectionAlignment[i]);
    uint64_t begin = section.offset - packFileHeaderBytes;
    uint64_t room = begin < rest.size() ? rest.size() - begin : 0;
    if (i + 1 == packSectionCount || section.bytes > room)
      section.bytes = room;
    if (begin <= rest.size() && seed % 4 != 1)
      hashInto(rest.slice(begin, section.bytes), section.sha256);
    end = section.offset + section.bytes;
  }
  header.fileBytes = packFileHeaderBytes + rest.size();
  hashInto(llvm::ArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(&header),
                                   offsetof(Header, sha256)),
           header.sha256);
  std::memcpy(data, &header, sizeof header);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (size > sizeof(Header))
    bytes.insert(sizeof(Header), packFileHeaderBytes - sizeof(Header), '\0');
  auto file = PackFile::parse(llvm::MemoryBuffer::getMemBuffer(
      bytes, "m.picollm", /*RequiresNullTerminator=*/false));
  if (!file) {
    requireSentence(file.takeError());
    return 0;
  }
  for (PackSection name : {PackSection::Module, PackSection::Tokenizer,
                           PackSection::Allocation, PackSection::Weights}) {
    const uint64_t offset = (*file)->offset(name);
    const StringRef section = (*file)->section(name);
    require(offset <= bytes.size() && section.size() <= bytes.size() - offset,
            "a section outside of its file");
  }
  auto report =
      parseAllocation((*file)->section(PackSection::Allocation), "m.picollm");
  if (!report)
    requireSentence(report.takeError());
  auto weights = checkWeightBytes((*file)->section(PackSection::Weights),
                                  "m.picollm", /*content=*/false);
  if (!weights)
    requireSentence(weights.takeError());
  return 0;
}
