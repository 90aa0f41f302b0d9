//===- WeightReaderTest.cpp - decoding against golden vectors -------------===//

#include "picollm/Import/WeightReader.h"
#include "picollm/Import/WeightEncoding.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// A golden file: see test/Fixtures/Dequantization/make.py.
struct Golden {
  WeightSource source;
  std::vector<float> values;
};

Golden readGolden(const WeightEncoding &encoding) {
  Golden golden;
  WeightSource &source = golden.source;
  source.name = "golden";
  source.file = std::string(PICOLLM_TEST_DIR "/Fixtures/Dequantization/") +
                encoding.name.str() + ".bin";
  source.encoding = encoding.name.str();
  std::ifstream file(source.file, std::ios::binary);
  file >> source.rows >> source.columns;
  file.get();
  source.offset = file.tellg();
  source.size = source.rows * source.columns / encoding.blockElements *
                encoding.blockBytes;
  golden.values.resize(source.rows * source.columns);
  file.seekg(source.size, std::ios::cur);
  file.read(reinterpret_cast<char *>(golden.values.data()),
            golden.values.size() * sizeof(float));
  EXPECT_TRUE(file.good()) << source.file << " is too short";
  file.get();
  EXPECT_TRUE(file.eof()) << source.file << " is too long";
  return golden;
}

void expectSameBits(const float *actual, const float *expected, size_t count) {
  for (size_t i = 0; i < count; ++i)
    ASSERT_EQ(std::memcmp(actual + i, expected + i, sizeof(float)), 0)
        << "element " << i << ": " << actual[i] << " instead of "
        << expected[i];
}

std::string messageOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}

class EncodingTest : public testing::TestWithParam<WeightEncoding> {};

TEST_P(EncodingTest, DecodesLikeTheReferenceToTheBit) {
  Golden golden = readGolden(GetParam());
  WeightReader reader;
  auto values = reader.read(golden.source);
  ASSERT_TRUE(bool(values)) << messageOf(values.takeError());
  ASSERT_EQ(values->size(), golden.values.size());
  expectSameBits(values->data(), golden.values.data(), values->size());
}

TEST_P(EncodingTest, DecodesRowsFromTheMiddle) {
  Golden golden = readGolden(GetParam());
  int64_t columns = golden.source.columns;
  std::vector<float> rows(2 * columns);
  WeightReader reader;
  auto error = reader.readRows(golden.source, 1, 2, rows.data());
  ASSERT_FALSE(bool(error)) << messageOf(std::move(error));
  expectSameBits(rows.data(), golden.values.data() + columns, rows.size());
}

INSTANTIATE_TEST_SUITE_P(All, EncodingTest,
                         testing::ValuesIn(getWeightEncodings().begin(),
                                           getWeightEncodings().end()),
                         [](const auto &info) {
                           return info.param.name.str();
                         });

/// A file of float32 0, 1, 2, ... as a matrix.
class WeightReaderTest : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> path;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("weights", "bin", path));
    source = {"w", path.str().str(), 0, 12 * 2 * 4, "f32", 12, 2, 0};
    std::ofstream file(source.file, std::ios::binary);
    for (int i = 0; i < 24; ++i) {
      float value = float(i);
      file.write(reinterpret_cast<const char *>(&value), sizeof(value));
    }
  }
  void TearDown() override { llvm::sys::fs::remove(source.file); }

  std::string errorOf(const WeightSource &source, int64_t row = 0,
                      int64_t count = 1) {
    std::vector<float> out(64);
    return messageOf(reader.readRows(source, row, count, out.data()));
  }

  WeightSource source;
  WeightReader reader;
};

TEST_F(WeightReaderTest, UndoesInterleavedRowsOfEachHead) {
  source.interleavedHeads = 2; // heads of 6 rows
  auto values = reader.read(source);
  ASSERT_TRUE(bool(values)) << messageOf(values.takeError());
  const int storedRows[] = {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11};
  for (int row = 0; row < 12; ++row)
    EXPECT_EQ((*values)[2 * row], 2.0f * storedRows[row]) << "row " << row;
}

TEST_F(WeightReaderTest, ReadsSomeInterleavedRows) {
  source.interleavedHeads = 2;
  std::vector<float> rows(4);
  ASSERT_FALSE(bool(reader.readRows(source, 8, 2, rows.data())));
  EXPECT_EQ(rows, (std::vector<float>{20, 21, 14, 15}));
}

TEST_F(WeightReaderTest, AddsWhatTheFileLeavesOut) {
  source.plus = 1;
  std::vector<float> rows(4);
  ASSERT_FALSE(bool(reader.readRows(source, 3, 2, rows.data())));
  EXPECT_EQ(rows, (std::vector<float>{7, 8, 9, 10}));
  source.interleavedHeads = 2;
  ASSERT_FALSE(bool(reader.readRows(source, 8, 2, rows.data())));
  EXPECT_EQ(rows, (std::vector<float>{21, 22, 15, 16}));
}

TEST_F(WeightReaderTest, RejectsUnknownEncoding) {
  source.encoding = "packed";
  EXPECT_NE(errorOf(source).find("tensor 'w' has the encoding 'packed'"),
            std::string::npos);
}

TEST_F(WeightReaderTest, RejectsColumnsThatDoNotFillBlocks) {
  source.encoding = "q4_1";
  EXPECT_NE(errorOf(source).find("needs a positive multiple of 32"),
            std::string::npos);
}

TEST_F(WeightReaderTest, RejectsSizeThatDoesNotMatchShape) {
  source.size += 4;
  EXPECT_NE(errorOf(source).find("has 100 bytes"), std::string::npos);
  source.size = 12 * 2 * 4;
  source.rows = INT64_MAX / 2;
  EXPECT_NE(errorOf(source).find("not the size of"), std::string::npos);
}

TEST_F(WeightReaderTest, RejectsTensorBeyondTheEndOfTheFile) {
  source.offset = 4;
  EXPECT_NE(errorOf(source).find("beyond the end of the file"),
            std::string::npos);
  source.offset = -4;
  EXPECT_NE(errorOf(source).find("beyond the end of the file"),
            std::string::npos);
}

TEST_F(WeightReaderTest, RejectsRowsThatAreNotThere) {
  EXPECT_NE(errorOf(source, 11, 2).find("has 12 rows"), std::string::npos);
  EXPECT_NE(errorOf(source, -1, 1).find("has 12 rows"), std::string::npos);
  EXPECT_NE(errorOf(source, INT64_MAX, 1).find("has 12 rows"),
            std::string::npos);
}

TEST_F(WeightReaderTest, RejectsHeadsThatDoNotFillTheRows) {
  for (int64_t heads : {5, 12, -2}) {
    source.interleavedHeads = heads;
    EXPECT_NE(errorOf(source).find("heads of an even size"), std::string::npos)
        << heads;
  }
}

TEST_F(WeightReaderTest, NamesTheFileThatCannotBeRead) {
  source.file += ".missing";
  EXPECT_EQ(errorOf(source).find(source.file + ": cannot be read: "), 0u);
}

} // namespace
