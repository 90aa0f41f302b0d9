//===- WeightFileTest.cpp -------------------------------------------------===//

#include "picollm/Packing/WeightFile.h"
#include "RandomMatrix.h"
#include "picollm/Packing/PackMatrix.h"
#include "picollm/weight_file.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// A folder of its own that is removed at the end.
class WeightFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("weights", folder));
    llvm::SmallString<128> file(folder);
    llvm::sys::path::append(file, "m.weights");
    path = file.str().str();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string read() {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }
  void write(llvm::StringRef bytes) {
    std::error_code code;
    llvm::raw_fd_ostream(path, code) << bytes;
    ASSERT_FALSE(code);
  }
  int files() {
    std::error_code code;
    int count = 0;
    for (llvm::sys::fs::directory_iterator at(folder, code), end; at != end;
         at.increment(code))
      ++count;
    return count;
  }
  /// A matrix and three floats; returns their offsets.
  std::vector<int64_t> writeModel() {
    auto writer = llvm::cantFail(WeightFileWriter::create(path));
    std::vector<int64_t> offsets;
    offsets.push_back(
        llvm::cantFail(writer->appendFloats({1.0f, -2.0f, 0.5f})));
    offsets.push_back(llvm::cantFail(writer->appendMatrix(matrix)));
    offsets.push_back(llvm::cantFail(writer->appendFloats({4.0f})));
    identity = llvm::cantFail(writer->finish());
    return offsets;
  }
  std::string checkMessage(bool content) {
    llvm::Expected<WeightFileIdentity> found = checkWeightFile(path, content);
    return found ? "" : llvm::toString(found.takeError());
  }

  llvm::SmallString<128> folder;
  std::string path;
  QuantizedMatrix matrix = randomMatrix({16, {{40, {{4, 8}, {2, 8}}}}});
  WeightFileIdentity identity;
};

} // namespace

TEST_F(WeightFile, HoldsTensorsAtAlignedOffsetsAndItsOwnHash) {
  std::vector<int64_t> offsets = writeModel();
  std::string bytes = read();
  int64_t size = matrixBytes(matrix.layout);
  EXPECT_EQ(offsets, (std::vector<int64_t>{4096, 4160, 4160 + size}));
  ASSERT_EQ(int64_t(bytes.size()), 4160 + size + 64);
  EXPECT_EQ(bytes.substr(4096, 8), std::string("\0\0\x80\x3f\0\0\0\xc0", 8));
  std::vector<uint8_t> packed(size);
  llvm::cantFail(packMatrix(matrix, packed));
  EXPECT_EQ(bytes.substr(4160, size),
            std::string(packed.begin(), packed.end()));

  picollm_weight_file_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  EXPECT_EQ(std::string(header.magic, 8), "PICOLLMW");
  EXPECT_EQ(header.version, 3u);
  EXPECT_EQ(header.header_bytes, 4096u);
  EXPECT_EQ(header.file_bytes, bytes.size());
  auto hash = llvm::SHA256::hash(llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(bytes.data()) + 4096,
      bytes.size() - 4096));
  EXPECT_TRUE(std::equal(hash.begin(), hash.end(), header.content_sha256));
  EXPECT_TRUE(std::equal(hash.begin(), hash.begin() + 16, header.build_id));
  EXPECT_EQ(identity.contentSha256, hash);
  EXPECT_EQ(bytes.substr(sizeof(header), 4096 - sizeof(header)),
            std::string(4096 - sizeof(header), '\0'));
}

TEST_F(WeightFile, CheckAcceptsWhatWasWritten) {
  writeModel();
  llvm::Expected<WeightFileIdentity> found = checkWeightFile(path, true);
  ASSERT_TRUE(static_cast<bool>(found)) << llvm::toString(found.takeError());
  EXPECT_EQ(found->buildId, identity.buildId);
  EXPECT_EQ(found->fileBytes, identity.fileBytes);
}

TEST_F(WeightFile, CheckFindsDamage) {
  writeModel();
  std::string good = read(), bad = good;
  bad[4200] ^= 1;
  write(bad);
  EXPECT_EQ(checkMessage(false), "");
  EXPECT_NE(checkMessage(true).find("hash"), std::string::npos);
  write(good.substr(0, good.size() - 1));
  EXPECT_NE(checkMessage(false).find("header says"), std::string::npos);
  bad = good;
  bad[8] = 9;
  write(bad);
  EXPECT_NE(checkMessage(false).find("version 9"), std::string::npos);
  write("hello");
  EXPECT_NE(checkMessage(false).find("no weight file"), std::string::npos);
  llvm::sys::fs::remove(path);
  EXPECT_NE(checkMessage(false).find("cannot read"), std::string::npos);
}

TEST_F(WeightFile, AbandonedWriterLeavesTheOldFileAlone) {
  write("old");
  {
    auto writer = llvm::cantFail(WeightFileWriter::create(path));
    llvm::cantFail(writer->appendFloats({1.0f}));
    EXPECT_EQ(files(), 2);
  }
  EXPECT_EQ(read(), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(WeightFile, BrokenMatrixIsRefusedAndWritingGoesOn) {
  auto writer = llvm::cantFail(WeightFileWriter::create(path));
  QuantizedMatrix bad = matrix;
  bad.order[0] = 99;
  llvm::Expected<int64_t> offset = writer->appendMatrix(bad);
  ASSERT_FALSE(static_cast<bool>(offset));
  llvm::consumeError(offset.takeError());
  EXPECT_EQ(writer->bytes(), 4096);
  llvm::cantFail(writer->appendMatrix(matrix));
  llvm::cantFail(writer->finish());
  EXPECT_EQ(checkMessage(true), "");
}

TEST_F(WeightFile, FolderThatDoesNotExistIsAnError) {
  auto writer = WeightFileWriter::create(path + "/no/such/file");
  ASSERT_FALSE(static_cast<bool>(writer));
  EXPECT_NE(llvm::toString(writer.takeError()).find("cannot create"),
            std::string::npos);
}
