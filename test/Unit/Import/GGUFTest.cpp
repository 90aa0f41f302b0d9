//===- GGUFTest.cpp - reading whole and broken GGUF files -----------------===//

#include "picollm/Import/GGUF.h"
#include "GGUFWriter.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// One entry of most kinds, three tensors of different types.
GGUFWriter smallFile() {
  GGUFWriter writer;
  writer.set("general.architecture", "llama");
  writer.set("number", uint32_t(7));
  writer.set("negative", int32_t(-7));
  writer.set("real", 0.5f);
  writer.set("flag", true);
  writer.set("words", std::vector<std::string>{"one", "", "thr\0ee"});
  writer.set("ids", std::vector<int32_t>{1, -2, 3});
  writer.addF32("vector", {4}, {1, 2, 3, 4});
  writer.addRaw("matrix", {32, 3}, 8, std::string(3 * 34, 'x'));
  writer.addRaw("half", {2, 3}, 1, std::string(12, 'y'));
  return writer;
}

llvm::Expected<std::unique_ptr<GGUFFile>> parse(const std::string &bytes) {
  return GGUFFile::parse(llvm::MemoryBuffer::getMemBufferCopy(bytes, "m.gguf"));
}

/// The message, which must be one line that names the file; empty if there is
/// no error.
std::string errorOf(const std::string &bytes) {
  auto file = parse(bytes);
  if (file)
    return "";
  std::string message = llvm::toString(file.takeError());
  EXPECT_EQ(message.find("m.gguf: "), 0u) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

void expectError(const std::string &bytes, const std::string &part) {
  std::string message = errorOf(bytes);
  EXPECT_NE(message.find(part), std::string::npos)
      << "expected '" << part << "' in: " << message;
}

TEST(GGUF, ReadsMetadataOfEveryKind) {
  auto file = parse(smallFile().bytes());
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  const GGUFFile &gguf = **file;
  EXPECT_EQ(gguf.version(), 3u);
  EXPECT_EQ(gguf.findValue("number")->getUnsigned(), 7u);
  EXPECT_EQ(gguf.findValue("negative")->getSigned(), -7);
  EXPECT_EQ(gguf.findValue("negative")->getUnsigned(), std::nullopt);
  EXPECT_EQ(gguf.findValue("negative")->getDouble(), -7.0);
  EXPECT_EQ(gguf.findValue("real")->getDouble(), 0.5);
  EXPECT_EQ(gguf.findValue("real")->getSigned(), std::nullopt);
  EXPECT_EQ(gguf.findValue("flag")->getBool(), true);
  EXPECT_EQ(gguf.findValue("number")->getString(), std::nullopt);
  EXPECT_EQ(gguf.findValue("words")->count, 3u);
  EXPECT_EQ(gguf.findValue("words")->getString(0), llvm::StringRef("one"));
  EXPECT_EQ(gguf.findValue("words")->getString(3), std::nullopt);
  EXPECT_EQ(gguf.findValue("words")->describeType(), "array of string");
  EXPECT_EQ(gguf.findValue("ids")->getSigned(1), -2);
  EXPECT_EQ(gguf.findValue("absent"), nullptr);
  EXPECT_EQ(gguf.keys().size(), 7u);
}

TEST(GGUF, ReadsTensorsWhereTheyLie) {
  std::string bytes = smallFile().bytes();
  auto file = parse(bytes);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  ASSERT_EQ((*file)->tensors().size(), 3u);
  const GGUFTensor *vector = (*file)->findTensor("vector");
  EXPECT_EQ(vector->encoding, "f32");
  EXPECT_EQ(vector->size, 16);
  float first;
  std::memcpy(&first, bytes.data() + vector->offset, sizeof(first));
  EXPECT_EQ(first, 1.0f);
  const GGUFTensor *matrix = (*file)->findTensor("matrix");
  EXPECT_EQ(matrix->encoding, "q8_0");
  EXPECT_EQ(matrix->size, 3 * 34);
  EXPECT_EQ(bytes.substr(matrix->offset, 3), "xxx");
  EXPECT_EQ(bytes.substr((*file)->findTensor("half")->offset), "yyyyyyyyyyyy");
  EXPECT_EQ((*file)->findTensor("absent"), nullptr);
}

TEST(GGUF, ReadsVersion2AndOtherAlignments) {
  GGUFWriter writer = smallFile();
  writer.version = 2;
  writer.alignment = 128;
  writer.set("general.alignment", uint32_t(128));
  auto file = parse(writer.bytes());
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_EQ((*file)->findTensor("half")->offset % 128, 0);
}

TEST(GGUF, EveryPrefixOfAFileIsAnError) {
  std::string bytes = smallFile().bytes();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(errorOf(bytes.substr(0, size)), "") << "prefix of " << size;
}

TEST(GGUF, FlippedBitsNeverCrash) {
  std::string bytes = smallFile().bytes();
  size_t header = smallFile().header().size(), errors = 0;
  for (size_t i = 0; i < header; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] ^= 1 << bit;
      errors += !errorOf(flipped).empty();
    }
  // A flip in a name or a number is still a file; counts, lengths, types and
  // offsets are not.
  EXPECT_GT(errors, header);
}

TEST(GGUF, BytesOfOnesNeverCrash) {
  std::string bytes = smallFile().bytes();
  size_t header = smallFile().header().size();
  for (size_t width : {1, 4, 8})
    for (size_t i = 0; i + width <= header; ++i) {
      std::string broken = bytes;
      broken.replace(i, width, width, '\xff');
      errorOf(broken);
      broken[i + width - 1] = '\x7f'; // the largest signed number
      errorOf(broken);
    }
}

TEST(GGUF, RejectsOtherFiles) {
  expectError("", "is not a GGUF file");
  expectError("PK\3\4 a zip archive", "is not a GGUF file");
}

TEST(GGUF, RejectsOtherVersions) {
  GGUFWriter writer = smallFile();
  for (uint32_t version : {0u, 1u, 4u}) {
    writer.version = version;
    expectError(writer.bytes(), "expected 2 or 3");
  }
  writer.version = 0x03000000;
  expectError(writer.bytes(), "big-endian");
}

TEST(GGUF, RejectsDuplicateNames) {
  GGUFWriter writer = smallFile();
  writer.addF32("vector", {4}, {1, 2, 3, 4});
  expectError(writer.bytes(), "two tensors named 'vector'");
  writer = smallFile();
  writer.entries.push_back(writer.entries[1]);
  expectError(writer.bytes(), "two metadata entries 'number'");
}

TEST(GGUF, NamesTheTypeThatItCannotRead) {
  GGUFWriter writer = smallFile();
  writer.find("matrix")->type = 17;
  EXPECT_EQ(errorOf(writer.bytes()),
            "m.gguf: tensor 'matrix' has type IQ2_XS, which the importer does "
            "not read; convert it to F16 first");
  writer.find("matrix")->type = 12345;
  expectError(writer.bytes(), "has type number 12345");
  writer.find("matrix")->type = 4; // retired
  expectError(writer.bytes(), "has type number 4");
}

TEST(GGUF, RejectsImpossibleShapes) {
  for (std::vector<uint64_t> dimensions : {std::vector<uint64_t>{32, 0},
                                           {uint64_t(1) << 63},
                                           {1ull << 40, 1ull << 40},
                                           {},
                                           {32, 1, 1, 1, 1},
                                           {32, 3, 1ull << 50}}) {
    GGUFWriter writer = smallFile();
    writer.find("matrix")->dimensions = dimensions;
    expectError(writer.bytes(), "tensor 'matrix'");
  }
  GGUFWriter writer = smallFile();
  writer.find("matrix")->dimensions = {33, 3};
  expectError(writer.bytes(), "needs a multiple of 32");
}

TEST(GGUF, RejectsOffsetsOutsideTheFileOrUnaligned) {
  for (uint64_t error :
       {uint64_t(1) << 20, uint64_t(1) << 63, uint64_t(INT64_MAX) - 255}) {
    GGUFWriter writer = smallFile();
    writer.find("half")->offsetError = error;
    std::string message = errorOf(writer.bytes());
    EXPECT_NE(message.find("tensor 'half'"), std::string::npos) << message;
  }
  GGUFWriter writer = smallFile();
  writer.find("half")->offsetError = 1;
  expectError(writer.bytes(), "not a multiple of the alignment");
}

TEST(GGUF, ClaimsOfMoreThanTheFileHoldsAskForNoMemory) {
  // 24 bytes of header: magic, version, tensors, entries.
  for (size_t field : {8, 16}) {
    for (uint64_t claim : {uint64_t(1) << 60, ~uint64_t(0), uint64_t(100)}) {
      std::string bytes = smallFile().bytes().substr(0, 24);
      std::memcpy(bytes.data() + field, &claim, sizeof(claim));
      expectError(bytes, "more than its size allows");
    }
  }
}

TEST(GGUF, StringsAndArraysLongerThanTheFileAskForNoMemory) {
  for (uint64_t claim : {uint64_t(1) << 60, ~uint64_t(0), uint64_t(1) << 32}) {
    std::string length(sizeof(claim), '\0');
    std::memcpy(length.data(), &claim, sizeof(claim));
    GGUFWriter text, words, ids;
    text.entries = {{"text", std::string("\x08\0\0\0", 4) + length}};
    expectError(text.bytes() + std::string(32, 'x'), "the file ends after");
    words.entries = {
        {"words", std::string("\x09\0\0\0\x08\0\0\0", 8) + length}};
    expectError(words.bytes() + std::string(32, 'x'), "elements, more than");
    ids.entries = {{"ids", std::string("\x09\0\0\0\x0a\0\0\0", 8) + length}};
    expectError(ids.bytes() + std::string(32, 'x'), "elements, more than");
  }
}

TEST(GGUF, RejectsBadAlignment) {
  for (uint32_t alignment : {0u, 3u, 48u, 0x80000000u}) {
    GGUFWriter writer = smallFile();
    writer.set("general.alignment", alignment);
    expectError(writer.bytes(), "must be a power of two");
  }
  GGUFWriter writer = smallFile();
  writer.set("general.alignment", "32");
  expectError(writer.bytes(), "must be a power of two");
}

TEST(GGUF, RejectsArraysOfArrays) {
  GGUFWriter writer = smallFile();
  writer.entries[1].second =
      std::string("\x09\0\0\0\x09\0\0\0\x01\0\0\0\0\0\0\0", 16);
  expectError(writer.bytes(), "array of arrays");
}

TEST(GGUF, EscapesUnprintableNames) {
  GGUFWriter writer = smallFile();
  writer.find("matrix")->type = 17;
  writer.find("matrix")->name = "bad\n\x1b[31m";
  expectError(writer.bytes(), "tensor 'bad\\0A\\1B[31m'");
}

TEST(GGUF, NamesTheFileThatIsNotThere) {
  auto file = GGUFFile::open("no-such-file.gguf");
  ASSERT_FALSE(bool(file));
  EXPECT_EQ(llvm::toString(file.takeError())
                .find("no-such-file.gguf: cannot be read: "),
            0u);
}

} // namespace
