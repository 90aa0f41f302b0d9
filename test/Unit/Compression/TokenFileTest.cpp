//===- TokenFileTest.cpp - calibration texts as token ids -----------------===//

#include "picollm/Compression/TokenFile.h"
#include "llvm/Support/FileSystem.h"
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace picollm;

namespace {
class TokenFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("picollm", "tokens", path));
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  llvm::Expected<CalibrationSet> read(const char *text) {
    std::ofstream(path.c_str()) << text;
    return readTokenFile(path);
  }
  void expectError(const char *text, const std::string &part) {
    auto set = read(text);
    ASSERT_FALSE(bool(set)) << text;
    std::string message = llvm::toString(set.takeError());
    EXPECT_NE(message.find(part), std::string::npos)
        << "expected '" << part << "' in: " << message;
  }
  llvm::SmallString<128> path;
};
} // namespace

TEST_F(TokenFile, KeepsTextsAndTheirPrompts) {
  CalibrationSet set;
  set.add({5, 6, 7}, 0);
  set.add({8, 9, 10}, 2);
  set.add({11, 12}, 2);
  ASSERT_FALSE(bool(writeTokenFile(path, set)));
  std::stringstream written;
  written << std::ifstream(path.c_str()).rdbuf();
  EXPECT_EQ(written.str(), "5 6 7\n8 9 | 10\n11 12 |\n");
  auto again = readTokenFile(path);
  ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
  EXPECT_EQ(*again, set);
}

TEST_F(TokenFile, WithoutAPromptEverythingCounts) {
  auto set = read("1 2\n3\n");
  ASSERT_TRUE(bool(set)) << llvm::toString(set.takeError());
  EXPECT_EQ(*set, CalibrationSet(TokenSequences{{1, 2}, {3}}));
}

TEST_F(TokenFile, OtherLinesAreRefused) {
  expectError("1 2\n3 x\n", "line 2: 'x' is no token id");
  expectError("1 | 2 | 3\n", "line 1: '|' ends no prompt; expected one");
  expectError("| 2\n", "line 1: '|' ends no prompt; expected one");
  expectError("1\n \n", "line 2: holds no token");
  expectError("", "holds no text");
}
