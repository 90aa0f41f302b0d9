//===- LossFileTest.cpp - losses.json that does not make sense ------------===//

#include "picollm/Compression/LossFile.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

const char *small = R"({"stacks": [{"name": "a", "columns": 16,
  "width_columns": 8, "rows": [32],
  "order": [15,14,13,12,11,10,9,8,7,6,5,4,3,2,1,0],
  "losses": [[[9,8,7,6,5,4,3,2,1,0], [9,7,5,3,2,1,0.5,0.2,0.1,0]]],
  "row_weights": []}],
  "embedding_moment": [1.5]})";

/// The message; empty if the file with `to` in the place of `from` is read.
std::string failure(const std::string &from, const std::string &to) {
  std::string text = small;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  auto file = LossFile::parse(text.replace(at, from.size(), to), "l.json");
  if (file)
    return "";
  std::string message = llvm::toString(file.takeError());
  EXPECT_EQ(message.find("l.json: "), 0u) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(LossFile, ReadsWhatCalibrationWrites) {
  LossFile file = llvm::cantFail(LossFile::parse(small, "l.json"));
  ASSERT_EQ(file.tables.size(), 1u);
  EXPECT_EQ(file.find("a")->widthColumns, 8);
  EXPECT_EQ(file.find("a")->order[0], 15u);
  EXPECT_EQ(file.find("a")->losses[0][1][2], 5);
  EXPECT_TRUE(file.find("a")->rowWeights.empty());
  EXPECT_EQ(file.embeddingMoment, std::vector<float>{1.5});
}

TEST(LossFile, RefusesOtherText) {
  EXPECT_NE(failure("{\"stacks\"", "{").find("no file of losses"),
            std::string::npos);
  EXPECT_NE(failure("\"embedding_moment\"", "\"x\"").find("no file of losses"),
            std::string::npos);
  EXPECT_NE(failure("[9,8,", "[\"9\",8,").find("no file of losses"),
            std::string::npos);
  EXPECT_NE(failure("[9,8,7,6,5,4,3,2,1,0]", "[9]").find("no file of losses"),
            std::string::npos);
  EXPECT_NE(failure("[9,8,", "[1e999,8,").find("no file of losses"),
            std::string::npos);
  EXPECT_NE(failure("\"row_weights\": []", "\"row_weights\": [[]]")
                .find("no file of losses"),
            std::string::npos);
}

TEST(LossFile, RefusesSizesThatContradictEachOther) {
  for (const char *count :
       {"24", "8", "0", "-16", "9223372036854775807", "-9223372036854775808",
        "18446744073709551615", "1e300", "16.5", "null"})
    EXPECT_NE(failure("\"columns\": 16", std::string("\"columns\": ") + count)
                  .find("stack 'a' has sizes that contradict"),
              std::string::npos)
        << count;
  for (const char *count :
       {"7", "16", "0", "-8", "9223372036854775800", "1e300"})
    EXPECT_NE(failure("\"width_columns\": 8",
                      std::string("\"width_columns\": ") + count),
              "")
        << count;
  for (const char *rows :
       {"[]", "[0]", "[-1]", "[1, 1]", "[4294967296]", "[1e300]", "[\"1\"]"})
    EXPECT_NE(failure("[32]", rows), "") << rows;
  EXPECT_NE(failure("\"row_weights\": []", "\"row_weights\": [1, 2]")
                .find("contradict"),
            std::string::npos);
  for (const char *column : {"14", "16", "-1", "4294967311", "1e300"})
    EXPECT_NE(failure("[15,", std::string("[") + column + ","), "") << column;
}

TEST(LossFile, NamesDoNotReachTheTerminalAsTheyAre) {
  EXPECT_NE(
      failure("\"a\", \"columns\": 16", "\"\\u001b[2J\\n\", \"columns\": 8")
          .find("'\\1B[2J\\0A'"),
      std::string::npos);
}

} // namespace
