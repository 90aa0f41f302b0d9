//===- CalibrationSetTest.cpp - which predictions count -------------------===//

#include "picollm/Calibration/CalibrationSet.h"
#include <gtest/gtest.h>

using namespace picollm;

static std::vector<int64_t> countedRows(const CalibrationSet &set,
                                        size_t text) {
  std::vector<int64_t> rows;
  for (int64_t t = -1; t < int64_t(set.texts[text].size()) + 2; ++t)
    if (set.counted(text).contains(t))
      rows.push_back(t);
  EXPECT_EQ(set.counted(text).count(), int64_t(rows.size()));
  return rows;
}

TEST(CalibrationSet, EveryRowOfATextCounts) {
  CalibrationSet set(TokenSequences{{5, 6, 7}});
  EXPECT_FALSE(set.hasPrompt(0));
  EXPECT_EQ(countedRows(set, 0), (std::vector<int64_t>{0, 1, 2}));
}

TEST(CalibrationSet, RowsThatPredictTheAnswerCount) {
  CalibrationSet set;
  set.add({5, 6, 7, 8, 9}, 3);
  set.add({5, 6}, 1);
  set.add({5, 6}, 2); // all prompt
  EXPECT_EQ(countedRows(set, 0), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(countedRows(set, 1), (std::vector<int64_t>{0}));
  EXPECT_TRUE(countedRows(set, 2).empty());
  CalibrationSet expected;
  expected.add({5, 6, 7, 8, 9}, 3);
  expected.add({5, 6}, 1);
  EXPECT_EQ(set.counting(), expected);
}

TEST(CalibrationSet, ALimitIsReachedByTextsOrTokens) {
  CalibrationSet set(TokenSequences{{1, 2, 3}, {4, 5}, {6}});
  EXPECT_EQ(set.tokens(), 6);
  CalibrationSet::Limit two, tokens, none;
  two.texts = 2;
  tokens.tokens = 4;
  EXPECT_EQ(set.first(two), CalibrationSet(TokenSequences{{1, 2, 3}, {4, 5}}));
  EXPECT_EQ(set.first(tokens), set.first(two));
  tokens.tokens = 3;
  EXPECT_EQ(set.first(tokens), CalibrationSet(TokenSequences{{1, 2, 3}}));
  EXPECT_EQ(set.first(none), set);
}

TEST(CalibrationSet, MayStartAtAnyText) {
  CalibrationSet set, expected;
  set.add({1, 2, 3}, 2);
  set.add({4, 5}, 1);
  set.add({6}, 0);
  expected.add({6}, 0);
  expected.add({1, 2, 3}, 2);
  expected.add({4, 5}, 1);
  EXPECT_EQ(set.startingAt(2), expected);
  EXPECT_EQ(set.startingAt(0), set);
  EXPECT_EQ(set.startingAt(3), set);
  EXPECT_EQ(CalibrationSet().startingAt(0), CalibrationSet());
}
