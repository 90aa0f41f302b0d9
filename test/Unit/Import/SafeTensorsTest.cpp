//===- SafeTensorsTest.cpp - good and damaged safetensors files -----------===//

#include "picollm/Import/SafeTensors.h"
#include "SafeTensorsWriter.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

llvm::Expected<std::vector<SafeTensor>> parse(const std::string &bytes) {
  return parseSafeTensors(llvm::MemoryBufferRef(bytes, "x.safetensors"));
}

/// One line that starts with the path; empty if there is no error.
std::string errorOf(const std::string &bytes) {
  auto tensors = parse(bytes);
  if (tensors)
    return "";
  std::string message = llvm::toString(tensors.takeError());
  EXPECT_EQ(message.find("x.safetensors: "), 0u) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

void expectError(const std::string &bytes, const std::string &part) {
  std::string message = errorOf(bytes);
  EXPECT_NE(message.find(part), std::string::npos)
      << "expected '" << part << "' in: " << message;
}

/// A file with one tensor, whose entry is `entry`, and `size` bytes behind.
std::string fileWith(const std::string &entry, size_t size) {
  return SafeTensorsWriter::withLength("{\"a\":" + entry + "}") +
         std::string(size, 'x');
}

SafeTensorsWriter small() {
  SafeTensorsWriter file;
  file.add("b", "F32", {2, 3}, std::string(24, 'b'));
  file.add("a", "BF16", {4}, std::string(8, 'a'));
  file.add("c", "F16", {}, "cc");
  return file;
}

TEST(SafeTensors, GivesTensorsInTheOrderOfTheFile) {
  SafeTensorsWriter file = small();
  auto tensors = parse(file.bytes());
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 3u);
  const int64_t start = int64_t(file.start().size());
  const SafeTensor &b = (*tensors)[0], &a = (*tensors)[1], &c = (*tensors)[2];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.type, "F32");
  EXPECT_EQ(b.shape, (llvm::SmallVector<int64_t, 4>{2, 3}));
  EXPECT_EQ(b.offset, start);
  EXPECT_EQ(b.size, 24);
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.offset, start + 24);
  EXPECT_EQ(a.size, 8);
  EXPECT_TRUE(c.shape.empty());
  EXPECT_EQ(c.size, 2);
}

TEST(SafeTensors, ReadsFilesWithoutTensors) {
  auto tensors = parse(SafeTensorsWriter().bytes());
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_TRUE(tensors->empty());
}

TEST(SafeTensors, ReadsTensorsWithoutElements) {
  SafeTensorsWriter file;
  file.add("none", "F32", {0, 7}, "");
  file.add("one", "F32", {1}, "1234");
  EXPECT_EQ(errorOf(file.bytes()), "");
}

TEST(SafeTensors, RefusesBrokenHeaders) {
  expectError("", "fewer than any safetensors file");
  expectError("1234567", "fewer than any safetensors file");
  expectError(std::string(8, '\xFF') + "{}", "its header should have "
                                             "18446744073709551615 bytes");
  expectError(small().start().substr(0, 40), "was cut short");
  expectError(std::string("\0\0\0\0\0\0\0\0", 8),
              "the header is no valid JSON");
  expectError(SafeTensorsWriter::withLength("{"),
              "the header is no valid JSON");
  expectError(SafeTensorsWriter::withLength("[]"),
              "the header is an array, expected an object");
  expectError(SafeTensorsWriter::withLength("{\"a\xFF\":1}"),
              "the header is no valid JSON");
  expectError(SafeTensorsWriter::withLength("{\"a\":1,\"a\":2}"),
              "names the member 'a' twice");
  expectError(SafeTensorsWriter::withLength(std::string(1000000, '[')),
              "nests values more than 64 deep");
  expectError("version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
              "pointer of Git LFS");
}

TEST(SafeTensors, RefusesHeadersPastTheLimitOfTheFormat) {
  expectError(SafeTensorsWriter::withLength(std::string(100'000'001, ' ')),
              "more than the format allows");
}

TEST(SafeTensors, RefusesBrokenEntries) {
  expectError(fileWith("3", 0), "is a whole number, expected an object");
  expectError(fileWith("{}", 0), "lacks a type, a shape or two offsets");
  expectError(fileWith(R"({"dtype":1,"shape":[1],"data_offsets":[0,4]})", 4),
              "'dtype' is a whole number, expected a string");
  expectError(fileWith(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", 4),
              "'shape' is a whole number, expected an array");
  expectError(fileWith(R"({"dtype":"F32","shape":[1],"data_offsets":[4]})", 4),
              "lacks a type, a shape or two offsets");
  expectError(fileWith(R"({"dtype":"Q7","shape":[1],"data_offsets":[0,4]})", 4),
              "has the unknown type 'Q7'");
  for (const char *shape : {"[-1]", "[1.5]", "[\"1\"]", "[null]",
                            "[18446744073709551616]", "[9223372036854775808]",
                            "[4294967296,4294967296]", "[9223372036854775807]"})
    expectError(fileWith("{\"dtype\":\"F32\",\"shape\":" + std::string(shape) +
                             ",\"data_offsets\":[0,4]}",
                         4),
                "has an impossible shape");
  expectError(
      fileWith(
          R"({"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]})",
          1),
      "has 9 dimensions");
}

TEST(SafeTensors, RefusesSizesThatContradictTheShape) {
  for (const char *offsets :
       {"[0,3]", "[0,5]", "[4,0]", "[-4,0]", "[0,\"4\"]", "[0,4.0]",
        "[18446744073709551612,18446744073709551616]",
        "[9223372036854775808,9223372036854775812]"})
    expectError(fileWith("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" +
                             std::string(offsets) + "}",
                         4),
                "does not have the size that its shape and type give");
  expectError(fileWith(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1),
              "does not have the size");
}

TEST(SafeTensors, RefusesOverlapsGapsAndEnds) {
  SafeTensorsWriter file = small();
  file.header["a"]["data_offsets"] = {16, 24};
  expectError(file.bytes(), "tensor 'a' overlaps another one");
  file = small();
  file.header["a"]["data_offsets"] = {26, 34};
  expectError(file.bytes(), "but the one before it ends at 24");
  file = small();
  file.content.pop_back();
  expectError(file.bytes(), "tensor 'c' lies beyond the end of the file");
  file.content += "12";
  expectError(file.bytes(), "has 1 bytes after its last tensor");
}

TEST(SafeTensors, NamesTheFileThatCannotBeRead) {
  auto tensors = readSafeTensors("no-such.safetensors");
  ASSERT_FALSE(bool(tensors));
  EXPECT_EQ(llvm::toString(tensors.takeError())
                .find("no-such.safetensors: cannot be read: "),
            0u);
}

TEST(SafeTensors, FlippedBytesAndPrefixesNeverCrash) {
  const std::string bytes = small().bytes();
  const size_t header = small().start().size();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(errorOf(bytes.substr(0, size)), "") << "prefix of " << size;
  for (size_t i = 0; i < header; ++i)
    for (int mask : {0xFF, 0x01, 0x80, 0x10}) {
      std::string broken = bytes;
      broken[i] ^= char(mask);
      if (auto tensors = parse(broken)) {
        for (const SafeTensor &tensor : *tensors)
          EXPECT_LE(tensor.offset + tensor.size, int64_t(bytes.size()));
      } else {
        llvm::consumeError(tensors.takeError());
      }
    }
}

} // namespace
