//===- SafeTensors.cpp - reader of safetensors files ----------------------===//

#include "picollm/Import/SafeTensors.h"
#include "picollm/Support/Json.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace picollm;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

/// Bits of an element; 0: the type is not known.
static int64_t bitsOfType(StringRef type) {
  static const std::pair<StringRef, int64_t> types[] = {
      {"F32", 32},    {"F16", 16}, {"BF16", 16}, {"F64", 64},    {"I64", 64},
      {"I32", 32},    {"I16", 16}, {"I8", 8},    {"U64", 64},    {"U32", 32},
      {"U16", 16},    {"U8", 8},   {"BOOL", 8},  {"F8_E4M3", 8}, {"F8_E5M2", 8},
      {"F8_E8M0", 8}, {"C64", 64}, {"F4", 4},    {"F6_E2M3", 6}, {"F6_E3M2", 6},
  };
  for (const auto &[name, bits] : types)
    if (name == type)
      return bits;
  return 0;
}

/// A number of a header that may be an offset or an extent; -1: it is not.
static int64_t countOf(const Json &value) {
  if (!value.is_number_unsigned() ||
      value.get<uint64_t>() > uint64_t(INT64_MAX))
    return -1;
  return int64_t(value.get<uint64_t>());
}

namespace {

/// The first error is kept in `error`; offsets count from the first byte after
/// the header until they are placed.
class Parser {
public:
  explicit Parser(llvm::MemoryBufferRef buffer) : buffer(buffer) {}

  Expected<std::vector<SafeTensor>> parse();

private:
  StringRef readHeader();
  void parseTensor(const std::string &name, const Json &entry);
  void placeTensors();
  void fail(const Twine &message) {
    if (error.empty())
      error = (buffer.getBufferIdentifier() + ": " + message).str();
  }

  llvm::MemoryBufferRef buffer;
  int64_t start = 0; ///< of the tensors' bytes in the file
  std::vector<SafeTensor> tensors;
  std::string error;
};

} // namespace

/// The header's text; sets `start`.
StringRef Parser::readHeader() {
  StringRef data = buffer.getBuffer();
  if (data.starts_with("version https://git-lfs")) {
    fail("is a pointer of Git LFS in place of the weights; fetch them with git "
         "lfs pull");
    return {};
  }
  const uint64_t prefix = 8, limit = 100'000'000; // of the format
  if (data.size() < prefix) {
    fail("has " + Twine(data.size()) +
         " bytes, fewer than any safetensors file; it was cut short");
    return {};
  }
  uint64_t size = llvm::support::endian::read64le(data.data());
  if (size > data.size() - prefix) {
    fail("is no safetensors file or was cut short: its header should have " +
         Twine(size) + " bytes, but only " + Twine(data.size() - prefix) +
         " follow");
    return {};
  }
  if (size > limit) {
    fail("has a header of " + Twine(size) +
         " bytes, more than the format allows; the file is damaged");
    return {};
  }
  start = int64_t(prefix + size);
  return data.substr(prefix, size);
}

void Parser::parseTensor(const std::string &name, const Json &entry) {
  std::string subject = "tensor " + quote(name);
  std::string path = buffer.getBufferIdentifier().str();
  JsonReader reader(&entry, path + ": " + subject, error);
  SafeTensor tensor;
  tensor.name = name;
  tensor.type = reader.string("dtype").value_or("");
  const Json *shape = reader.array("shape");
  const Json *offsets = reader.array("data_offsets");
  if (!error.empty())
    return;
  if (tensor.type.empty() || !shape || !offsets || offsets->size() != 2)
    return fail(subject + " lacks a type, a shape or two offsets; the file is "
                          "damaged");

  int64_t bits = bitsOfType(tensor.type);
  if (!bits)
    return fail(subject + " has the unknown type " + quote(tensor.type));
  const size_t maxRank = 8;
  if (shape->size() > maxRank)
    return fail(subject + " has " + Twine(shape->size()) +
                " dimensions, more than any weight");
  for (const Json &extent : *shape) {
    int64_t count = countOf(extent);
    if (count < 0 || llvm::MulOverflow(bits, count, bits))
      return fail(subject +
                  " has an impossible shape: its extents must be whole "
                  "numbers, and its size fit into a file");
    tensor.shape.push_back(count);
  }
  tensor.size = bits / 8;
  int64_t begin = countOf((*offsets)[0]), end = countOf((*offsets)[1]);
  if (begin < 0 || end < begin || bits % 8 || end - begin != tensor.size)
    return fail(subject +
                " does not have the size that its shape and type "
                "give, " +
                Twine(tensor.size) + " bytes; the file is damaged");
  tensor.offset = begin;
  tensors.push_back(std::move(tensor));
}

/// Puts the tensors in the order of the file and their offsets from its start.
void Parser::placeTensors() {
  llvm::sort(tensors, [](const SafeTensor &a, const SafeTensor &b) {
    return std::tie(a.offset, a.size, a.name) <
           std::tie(b.offset, b.size, b.name);
  });
  int64_t end = 0, space = int64_t(buffer.getBufferSize()) - start;
  for (SafeTensor &tensor : tensors) {
    std::string subject = "tensor " + quote(tensor.name);
    if (tensor.offset < end)
      return fail(subject + " overlaps another one; the file is damaged");
    if (tensor.offset > end)
      return fail(subject + " starts at byte " + Twine(tensor.offset) +
                  " of the tensors' bytes, but the one before it ends at " +
                  Twine(end) + "; the file is damaged");
    if (tensor.size > space - tensor.offset)
      return fail(subject +
                  " lies beyond the end of the file: it ends at byte " +
                  Twine(tensor.offset) + " + " + Twine(tensor.size) + " of " +
                  Twine(space) + "; the file is damaged or was cut short");
    end = tensor.offset + tensor.size;
    tensor.offset += start;
  }
  if (end != space)
    fail("has " + Twine(space - end) +
         " bytes after its last tensor; the file is damaged");
}

Expected<std::vector<SafeTensor>> Parser::parse() {
  StringRef header = readHeader();
  if (!error.empty())
    return createStringError(Twine(error));
  Expected<Json> entries =
      parseJson(header, buffer.getBufferIdentifier() + ": the header");
  if (!entries)
    return entries.takeError();
  if (!entries->is_object())
    fail("the header is " + describeType(*entries) + ", expected an object");
  else
    for (const auto &[name, entry] : entries->get_ref<Json::object_t &>())
      if (name != "__metadata__" && error.empty())
        parseTensor(name, entry);
  if (error.empty())
    placeTensors();
  if (error.empty())
    return std::move(tensors);
  return createStringError(Twine(error));
}

Expected<std::vector<SafeTensor>>
picollm::parseSafeTensors(llvm::MemoryBufferRef buffer) {
  return Parser(buffer).parse();
}

Expected<std::vector<SafeTensor>> picollm::readSafeTensors(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(
        buffer.getError(),
        path + ": cannot be read: " + buffer.getError().message());
  return parseSafeTensors(**buffer);
}
