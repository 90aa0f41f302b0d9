//===- TextsTest.cpp - calibration texts from files -----------------------===//

#include "picollm/Calibration/Texts.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fstream>
#include <gtest/gtest.h>

using namespace picollm;

namespace {
class Texts : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("picollm-texts", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string write(llvm::StringRef name, const std::string &text) {
    std::string path = (folder + "/" + name).str();
    std::ofstream(path) << text;
    return path;
  }
  llvm::SmallString<128> folder;
};
} // namespace

/// Fails unless `text` contains `part`.
static void expectPart(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected '" << part << "' in: " << text;
}

/// A token for each byte.
static llvm::Expected<std::vector<int32_t>> bytes(llvm::StringRef text) {
  return std::vector<int32_t>(text.begin(), text.end());
}

static std::string errorOf(llvm::Expected<TokenSequences> texts) {
  return texts ? "" : llvm::toString(texts.takeError());
}

TEST_F(Texts, FolderIsReadInNumericOrder) {
  for (int i : {10, 2, 0, 1})
    write(std::to_string(i) + ".txt", std::string(1, 'a' + i));
  write(".hidden", "x");
  auto texts = readCalibrationTexts(folder, bytes, 3);
  ASSERT_TRUE(bool(texts));
  EXPECT_EQ(*texts, (TokenSequences{{'a'}, {'b'}, {'c'}}));
}

TEST_F(Texts, EachTextOfAFolderIsCut) {
  write("0.txt", std::string(3000, 'x'));
  write("1.txt", "short");
  auto texts = readCalibrationTexts(folder, bytes, 12);
  ASSERT_TRUE(bool(texts));
  ASSERT_EQ(texts->size(), 2u);
  EXPECT_EQ((*texts)[0].size(), 1024u);
  EXPECT_EQ((*texts)[1].size(), 5u);
}

TEST_F(Texts, AFileIsReadInPieces) {
  std::string path = write("book", std::string(3000, 'x'));
  auto texts = readCalibrationTexts(path, bytes, 12);
  ASSERT_TRUE(bool(texts));
  ASSERT_EQ(texts->size(), 3u);
  EXPECT_EQ((*texts)[2].size(), 3000u - 2048u);
  EXPECT_EQ(readCalibrationTexts(path, bytes, 2)->size(), 2u);
}

TEST_F(Texts, EmptyTextsAreLeftOut) {
  write("0.txt", "");
  write("1.txt", "b");
  auto texts = readCalibrationTexts(folder, bytes, 12);
  ASSERT_TRUE(bool(texts));
  EXPECT_EQ(*texts, (TokenSequences{{'b'}}));
}

TEST_F(Texts, WhatHoldsNoTextIsAnError) {
  expectPart(errorOf(readCalibrationTexts(folder, bytes, 12)),
             "holds no text files");
  std::string path = write("0.txt", "");
  expectPart(errorOf(readCalibrationTexts(folder, bytes, 12)),
             "calibration text is empty");
  expectPart(errorOf(readCalibrationTexts(path, bytes, 12)),
             "calibration text is empty");
  expectPart(errorOf(readCalibrationTexts(path + ".none", bytes, 12)),
             "cannot be read");
}
