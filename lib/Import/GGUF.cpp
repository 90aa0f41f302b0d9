//===- GGUF.cpp - reader of GGUF files ------------------------------------===//

#include "picollm/Import/GGUF.h"
#include "picollm/Import/WeightEncoding.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

using namespace picollm;
using namespace llvm::support;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

/// Names of tensor types by their number in the file; empty: retired or never
/// used. A type can be read if there is a WeightEncoding of its name.
static StringRef tensorTypeName(uint32_t type) {
  static const char *const names[] = {
      "F32",   "F16",   "Q4_0",    "Q4_1",   "",        "",      "Q5_0",
      "Q5_1",  "Q8_0",  "Q8_1",    "Q2_K",   "Q3_K",    "Q4_K",  "Q5_K",
      "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL",
      "IQ3_S", "IQ2_S", "IQ4_XS",  "I8",     "I16",     "I32",   "I64",
      "F64",   "IQ1_M", "BF16",    "",       "",        "",      "TQ1_0",
      "TQ2_0", "",      "",        "",       "MXFP4"};
  return type < std::size(names) ? names[type] : "";
}

/// Bytes of a number; 0 for strings and arrays.
static uint64_t sizeOfNumber(GGUFType type) {
  switch (type) {
  case GGUFType::UInt8:
  case GGUFType::Int8:
  case GGUFType::Bool:
    return 1;
  case GGUFType::UInt16:
  case GGUFType::Int16:
    return 2;
  case GGUFType::UInt32:
  case GGUFType::Int32:
  case GGUFType::Float32:
    return 4;
  case GGUFType::UInt64:
  case GGUFType::Int64:
  case GGUFType::Float64:
    return 8;
  case GGUFType::String:
  case GGUFType::Array:
    return 0;
  }
  return 0;
}

namespace picollm {

/// Walks the bytes of a file once. After the first error everything reads as
/// zero or empty; `error` tells.
class GGUFParser {
public:
  explicit GGUFParser(GGUFFile &file)
      : file(file), data(file.buffer->getBuffer()) {}

  Error parse();

private:
  void parseHeader();
  void parseEntry();
  void parseTensor();
  void placeTensors();
  void parseValue(GGUFValue &value, StringRef key);
  std::optional<GGUFType> readType(StringRef key);

  StringRef readBytes(uint64_t size, const Twine &what);
  uint32_t readU32(const Twine &what);
  uint64_t readU64(const Twine &what);
  StringRef readString(const Twine &what);

  uint64_t left() const { return data.size() - position; }
  void fail(const Twine &message) {
    if (error.empty())
      error = (file.path() + ": " + message).str();
  }

  GGUFFile &file;
  StringRef data;
  uint64_t position = 0;
  uint64_t entryCount = 0, tensorCount = 0;
  std::string error;
};

} // namespace picollm

StringRef GGUFParser::readBytes(uint64_t size, const Twine &what) {
  if (!error.empty())
    return {};
  if (size > left()) {
    fail(what + " needs " + Twine(size) + " bytes at offset " +
         Twine(position) + ", but the file ends after " + Twine(left()) +
         "; it is damaged or was cut short");
    return {};
  }
  StringRef bytes = data.substr(position, size);
  position += size;
  return bytes;
}

uint32_t GGUFParser::readU32(const Twine &what) {
  StringRef bytes = readBytes(4, what);
  return bytes.empty() ? 0 : endian::read32le(bytes.data());
}

uint64_t GGUFParser::readU64(const Twine &what) {
  StringRef bytes = readBytes(8, what);
  return bytes.empty() ? 0 : endian::read64le(bytes.data());
}

StringRef GGUFParser::readString(const Twine &what) {
  uint64_t size = readU64("the length of " + what);
  return readBytes(size, what);
}

void GGUFParser::parseHeader() {
  if (!data.starts_with("GGUF"))
    return fail("is not a GGUF file: it does not start with 'GGUF'");
  position = 4;
  file.formatVersion = readU32("the format's version");
  if (!error.empty())
    return;
  if (file.formatVersion != 2 && file.formatVersion != 3) {
    if (uint32_t swapped = llvm::byteswap(file.formatVersion);
        swapped == 2 || swapped == 3)
      return fail("is a big-endian GGUF file; only little-endian ones are "
                  "read, so convert it first");
    return fail("has version " + Twine(file.formatVersion) +
                " of the GGUF format, expected 2 or 3");
  }
  tensorCount = readU64("the number of tensors");
  entryCount = readU64("the number of metadata entries");
  // The least that an entry (key length, type, one byte) and a tensor (name
  // length, dimensions, type, offset) take; keeps the loops inside the file.
  if (entryCount > left() / 13)
    return fail("claims to hold " + Twine(entryCount) +
                " metadata entries, more than its size allows; it is damaged "
                "or was cut short");
  if (tensorCount > left() / 24)
    return fail("claims to hold " + Twine(tensorCount) +
                " tensors, more than its size allows; it is damaged or was cut "
                "short");
}

std::optional<GGUFType> GGUFParser::readType(StringRef key) {
  uint32_t type = readU32("the type of " + quote(key));
  if (!error.empty())
    return std::nullopt;
  if (type > uint32_t(GGUFType::Float64)) {
    fail("metadata entry " + quote(key) + " has the unknown type " +
         Twine(type) + "; the file is damaged");
    return std::nullopt;
  }
  return GGUFType(type);
}

void GGUFParser::parseValue(GGUFValue &value, StringRef key) {
  std::optional<GGUFType> type = readType(key);
  if (type == GGUFType::Array) {
    value.isArray = true;
    type = readType(key);
    value.count = readU64("the length of the array " + quote(key));
    if (type == GGUFType::Array)
      return fail("metadata entry " + quote(key) +
                  " is an array of arrays, which no known entry is");
  }
  if (!type || !error.empty())
    return;
  value.elementType = *type;
  uint64_t least = *type == GGUFType::String ? 8 : sizeOfNumber(*type);
  if (value.count > left() / least)
    return fail("metadata entry " + quote(key) + " has " + Twine(value.count) +
                " elements, more than the rest of the file holds; it is "
                "damaged or was cut short");
  if (*type != GGUFType::String) {
    value.bytes =
        readBytes(value.count * least, "metadata entry " + quote(key));
    return;
  }
  value.strings.reserve(value.count);
  for (uint64_t i = 0; i < value.count && error.empty(); ++i)
    value.strings.push_back(readString("a string of " + quote(key)));
}

void GGUFParser::parseEntry() {
  StringRef key = readString("the key of a metadata entry");
  if (!error.empty())
    return;
  auto [entry, inserted] = file.values.try_emplace(key);
  if (!inserted)
    return fail("has two metadata entries " + quote(key));
  file.keyOrder.push_back(key.str());
  parseValue(entry->second, key);
}

void GGUFParser::parseTensor() {
  GGUFTensor tensor;
  tensor.name = readString("the name of a tensor").str();
  std::string subject = "tensor " + quote(tensor.name);
  uint32_t rank = readU32(subject);
  if (!error.empty())
    return;
  if (rank < 1 || rank > 4)
    return fail(subject + " has " + Twine(rank) +
                " dimensions, expected 1 to 4; the file is damaged");
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    uint64_t extent = readU64(subject);
    if (!error.empty())
      return;
    if (extent < 1 || extent > uint64_t(INT64_MAX) ||
        llvm::MulOverflow(elements, int64_t(extent), elements))
      return fail(subject + " has an impossible extent of " + Twine(extent) +
                  " in dimension " + Twine(i) + "; the file is damaged");
    tensor.dimensions.push_back(extent);
  }
  uint32_t type = readU32(subject);
  uint64_t offset = readU64(subject);
  if (!error.empty())
    return;

  StringRef typeName = tensorTypeName(type);
  const WeightEncoding *encoding = findWeightEncoding(typeName.lower());
  if (!encoding)
    return fail(subject + " has type " +
                (typeName.empty() ? "number " + Twine(type) : Twine(typeName)) +
                ", which the importer does not read; convert it to F16 first");
  int64_t columns = tensor.dimensions[0];
  if (columns % encoding->blockElements)
    return fail(subject + " has " + Twine(columns) + " columns, but type " +
                typeName + " needs a multiple of " +
                Twine(encoding->blockElements) + "; the file is damaged");
  if (offset > uint64_t(INT64_MAX) ||
      llvm::MulOverflow(elements / encoding->blockElements,
                        encoding->blockBytes, tensor.size))
    return fail(subject + " is larger than any file; the file is damaged");
  tensor.encoding = encoding->name.str();
  tensor.offset = int64_t(offset);

  if (!file.tensorIndex.try_emplace(tensor.name, file.allTensors.size()).second)
    return fail("has two tensors named " + quote(tensor.name));
  file.allTensors.push_back(std::move(tensor));
}

/// Turns offsets into the tensor data into offsets into the file.
void GGUFParser::placeTensors() {
  uint64_t alignment = 32;
  if (const GGUFValue *value = file.findValue("general.alignment")) {
    std::optional<uint64_t> number =
        value->isArray ? std::nullopt : value->getUnsigned();
    if (!number || !llvm::isPowerOf2_64(*number) || *number > (1u << 30))
      return fail("'general.alignment' must be a power of two up to 2^30" +
                  (number ? ", found " + Twine(*number) : Twine("")) +
                  "; the file is damaged");
    alignment = *number;
  }
  uint64_t start = llvm::alignTo(position, alignment);
  uint64_t space = start < data.size() ? data.size() - start : 0;
  for (GGUFTensor &tensor : file.allTensors) {
    std::string subject = "tensor " + quote(tensor.name);
    uint64_t offset = tensor.offset, size = tensor.size;
    if (offset % alignment)
      return fail(subject + " lies at offset " + Twine(offset) +
                  ", which is not a multiple of the alignment " +
                  Twine(alignment) + "; the file is damaged");
    if (offset > space || size > space - offset)
      return fail(subject + " lies beyond the end of the file: it has " +
                  Twine(size) + " bytes at offset " + Twine(offset) +
                  " of the tensor data, of which there are " + Twine(space) +
                  " bytes; the file is damaged or was cut short");
    tensor.offset = int64_t(start + offset);
  }
}

Error GGUFParser::parse() {
  parseHeader();
  for (uint64_t i = 0; i < entryCount && error.empty(); ++i)
    parseEntry();
  for (uint64_t i = 0; i < tensorCount && error.empty(); ++i)
    parseTensor();
  if (error.empty())
    placeTensors();
  if (error.empty())
    return Error::success();
  return llvm::createStringError(error);
}

Expected<std::unique_ptr<GGUFFile>>
GGUFFile::parse(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  auto file = std::make_unique<GGUFFile>();
  file->buffer = std::move(buffer);
  if (Error error = GGUFParser(*file).parse())
    return std::move(error);
  return file;
}

Expected<std::unique_ptr<GGUFFile>> GGUFFile::open(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        buffer.getError(),
        path + ": cannot be read: " + buffer.getError().message());
  return parse(std::move(*buffer));
}

const GGUFValue *GGUFFile::findValue(StringRef key) const {
  auto found = values.find(key);
  return found == values.end() ? nullptr : &found->second;
}

const GGUFTensor *GGUFFile::findTensor(StringRef name) const {
  auto found = tensorIndex.find(name);
  return found == tensorIndex.end() ? nullptr : &allTensors[found->second];
}
