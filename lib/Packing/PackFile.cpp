//===- PackFile.cpp - the container of a .picollm file --------------------===//

#include "picollm/Packing/PackFile.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SHA256.h"
#include <cstddef>

using namespace picollm;
using llvm::Error;
using llvm::StringRef;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "headers are copied to and from memory");

static constexpr size_t weightsIndex =
    static_cast<size_t>(PackSection::Weights);

using Hash = std::array<uint8_t, 32>;

static Hash sha256(StringRef bytes) {
  return llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes));
}

static bool same(const Hash &hash, const uint8_t (&stored)[32]) {
  return std::equal(hash.begin(), hash.end(), stored);
}

/// The bytes of a header that its hash covers.
static StringRef hashedPart(const PackFileHeader &header) {
  return {reinterpret_cast<const char *>(&header),
          offsetof(PackFileHeader, sha256)};
}

bool picollm::isPackFile(StringRef path) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(path, status) ||
      !llvm::sys::fs::is_regular_file(status) || status.getSize() < 8)
    return false;
  auto start = llvm::MemoryBuffer::getFileSlice(path, 8, 0);
  return start && (*start)->getBuffer() == packFileMagic;
}

/// Where each section lies follows from the sizes of those before it.
static uint64_t placeSections(PackFileSection *sections) {
  uint64_t end = packFileHeaderBytes;
  for (size_t i = 0; i < packSectionCount; ++i) {
    sections[i].offset = llvm::alignTo(end, packSectionAlignment[i]);
    end = sections[i].offset + sections[i].bytes;
  }
  return end;
}

static llvm::Expected<PackFileHeader>
makeHeader(llvm::ArrayRef<StringRef> contents, StringRef weightFile) {
  auto weights = checkWeightFile(weightFile, /*content=*/false);
  if (!weights)
    return weights.takeError();
  PackFileHeader header = {};
  std::memcpy(header.magic, packFileMagic, sizeof(header.magic));
  header.version = packFileVersion;
  header.headerBytes = packFileHeaderBytes;
  for (size_t i = 0; i < packSectionCount; ++i) {
    PackFileSection &section = header.sections[i];
    bool isWeights = i == weightsIndex;
    section.bytes = isWeights ? weights->fileBytes : contents[i].size();
    auto hash = isWeights ? weights->contentSha256 : sha256(contents[i]);
    llvm::copy(hash, section.sha256);
  }
  header.fileBytes = placeSections(header.sections);
  llvm::copy(sha256(hashedPart(header)), header.sha256);
  return header;
}

Error picollm::writePackFile(StringRef path, StringRef module,
                             StringRef tokenizer, StringRef allocation,
                             StringRef weightFile) {
  const StringRef contents[] = {module, tokenizer, allocation, ""};
  auto header = makeHeader(contents, weightFile);
  if (!header)
    return header.takeError();
  return writeFile(path, [&](FileStream &file) -> Error {
    file.write(reinterpret_cast<const char *>(&*header), sizeof(*header));
    for (size_t i = 0; i < packSectionCount; ++i) {
      file.write_zeros(header->sections[i].offset - file.tell());
      file << contents[i];
    }
    return file.append(weightFile, 0, header->sections[weightsIndex].bytes);
  });
}

Error PackFile::error(const llvm::Twine &what) const {
  return llvm::createStringError(name + ": " + what);
}

llvm::Expected<std::unique_ptr<PackFile>> PackFile::open(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  return parse(std::move(*buffer));
}

llvm::Expected<std::unique_ptr<PackFile>>
PackFile::parse(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  std::string path = buffer->getBufferIdentifier().str();
  std::unique_ptr<PackFile> file(new PackFile(path, std::move(buffer)));
  if (Error error = file->checkHeader())
    return std::move(error);
  if (Error error = file->checkSections())
    return std::move(error);
  return file;
}

static bool isZero(StringRef bytes) {
  return bytes.find_first_not_of('\0') == StringRef::npos;
}

Error PackFile::checkHeader() {
  StringRef bytes = buffer->getBuffer();
  if (!bytes.starts_with(packFileMagic))
    return error("is no .picollm file; picollm-compile --compile-to=pack makes "
                 "one");
  if (bytes.size() < packFileHeaderBytes)
    return error("is cut short: a .picollm file has at least " +
                 llvm::Twine(packFileHeaderBytes) + " bytes, this one has " +
                 llvm::Twine(bytes.size()) + "; copy it again");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.version != packFileVersion ||
      header.headerBytes != packFileHeaderBytes)
    return error("has format version " + llvm::Twine(header.version) +
                 ", this compiler reads " + llvm::Twine(packFileVersion) +
                 "; pack the model again");
  StringRef rest =
      bytes.take_front(packFileHeaderBytes).drop_front(sizeof(header));
  if (!same(sha256(hashedPart(header)), header.sha256) || !isZero(rest))
    return error("has a damaged header; copy it again");
  if (header.fileBytes != bytes.size())
    return error("has " + llvm::Twine(bytes.size()) +
                 " bytes, its header says " + llvm::Twine(header.fileBytes) +
                 "; copy it again");
  // Sizes first: sums of four numbers below 2^62 do not overflow.
  PackFileSection expected[packSectionCount] = {};
  for (size_t i = 0; i < packSectionCount; ++i) {
    expected[i].bytes = header.sections[i].bytes;
    if (expected[i].bytes > header.fileBytes)
      return error("has a damaged header; copy it again");
  }
  bool placed = placeSections(expected) == header.fileBytes;
  for (size_t i = 0; i < packSectionCount; ++i)
    placed &= expected[i].offset == header.sections[i].offset;
  if (!placed)
    return error("has sections that are not where their sizes put them; pack "
                 "the model again");
  return Error::success();
}

Error PackFile::checkSections() const {
  StringRef bytes = buffer->getBuffer();
  uint64_t end = packFileHeaderBytes;
  for (size_t i = 0; i < packSectionCount; ++i) {
    const PackFileSection &section = header.sections[i];
    auto damaged = [&] {
      return error(llvm::Twine("its section '") + packSectionNames[i] +
                   "' is damaged: it is not what was written; copy the file "
                   "again");
    };
    if (!isZero(bytes.slice(end, section.offset)))
      return damaged();
    end = section.offset + section.bytes;
    StringRef content = bytes.slice(section.offset, end);
    if (i == weightsIndex) {
      auto weights = checkWeightBytes(content, name, /*content=*/true);
      if (!weights)
        return weights.takeError();
      if (!same(weights->contentSha256, section.sha256))
        return damaged();
    } else if (!same(sha256(content), section.sha256)) {
      return damaged();
    }
  }
  return Error::success();
}

std::string PackFile::absolutePath() const {
  llvm::SmallString<128> absolute(name);
  llvm::sys::fs::make_absolute(absolute);
  return absolute.str().str();
}

StringRef PackFile::section(PackSection section) const {
  const PackFileSection &found = header.sections[static_cast<size_t>(section)];
  return buffer->getBuffer().substr(found.offset, found.bytes);
}

uint64_t PackFile::offset(PackSection section) const {
  return header.sections[static_cast<size_t>(section)].offset;
}

Error PackFile::extractWeights(StringRef path) const {
  const PackFileSection &weights = header.sections[weightsIndex];
  return writeFile(path, [&](FileStream &os) {
    return os.append(name, weights.offset, weights.bytes);
  });
}
