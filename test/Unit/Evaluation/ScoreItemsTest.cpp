//===- ScoreItemsTest.cpp - how well models answer ------------------------===//

#include "ScoreItems.h"
#include "llvm/ADT/StringRef.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace picollm;
using llvm::Error;

namespace {
/// Tokens are the bytes of the text, digits. After every token it gives the
/// digit `favourite` odds of `odds` against one for each of the 9 others.
class FakeModel : public LanguageModel {
public:
  llvm::Expected<std::vector<int32_t>> tokenize(llvm::StringRef text) override {
    std::vector<int32_t> tokens;
    for (char c : text)
      tokens.push_back(c - '0' + shift);
    return tokens;
  }

  int64_t contextLength() const override { return context; }

  Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
            LogitsVisitor visit) override {
    runs.push_back(tokens.vec());
    for (int64_t first = firstWanted; first < int64_t(tokens.size()); ++first) {
      Matrix row(1, vocabulary);
      std::fill(row.data.begin(), row.data.end(), 100.0f);
      row.row(0)[favourite] += std::log(odds);
      if (Error error = visit(first, row))
        return error;
    }
    return Error::success();
  }

  int64_t vocabulary = 10, context = 2048;
  int favourite = 7, shift = 0;
  float odds = 11;
  std::vector<std::vector<int32_t>> runs;
};

TaskItem item(std::string prompt, std::string answer,
              std::vector<std::string> choices = {}, int64_t index = 0) {
  return {std::move(prompt), std::move(answer), std::move(choices), index,
          "items: line 1"};
}

ItemScore score(FakeModel &model, const std::vector<TaskItem> &items) {
  auto scores = scoreItems({&model}, items, false);
  if (scores)
    return scores->front();
  ADD_FAILURE() << llvm::toString(scores.takeError());
  return {};
}

std::string failure(llvm::ArrayRef<LanguageModel *> models, TaskItem item) {
  auto scores = scoreItems(models, item, true);
  return scores ? "" : llvm::toString(scores.takeError());
}
} // namespace

TEST(ScoreItems, OnlyAnswerTokensCount) {
  FakeModel model;
  // Of the answers, three tokens of four are the favourite: 11/20, else 1/20.
  ItemScore result = score(model, {item("111", "77"), item("77", "71")});
  EXPECT_NEAR(result.answerLoss, (4 * std::log(20.0) - 3 * std::log(11.0)) / 4,
              1e-6);
  EXPECT_EQ(result.items, 2);
  EXPECT_EQ(result.answerTokens, 4);
  EXPECT_EQ(result.choiceItems, 0);
  // The last token is not run: it predicts nothing that is known.
  EXPECT_EQ(model.runs.front(), (std::vector<int32_t>{1, 1, 1, 7}));
}

TEST(ScoreItems, AccuracyGoesByTheLikelihoodPerByte) {
  FakeModel model;
  // Of equal length.
  EXPECT_EQ(score(model, {item("1", "7", {"7", "2", "3"}, 0)}).accuracy, 1);
  EXPECT_EQ(score(model, {item("1", "2", {"7", "2", "3"}, 1)}).accuracy, 0);
  // The longer is less likely as a whole, but not per byte.
  ItemScore result =
      score(model, {item("1", "7777777", {"7777777", "72"}, 0),
                    item("1", "72", {"7777777", "72"}, 1), item("1", "2")});
  EXPECT_EQ(result.accuracy, 0.5);
  EXPECT_EQ(result.choiceItems, 2);
  EXPECT_EQ(result.items, 3);
  EXPECT_EQ(result.answerTokens, 10); // choices add none
  // As likely as another is not right.
  EXPECT_EQ(score(model, {item("1", "2", {"2", "3"}, 0)}).accuracy, 0);
}

TEST(ScoreItems, DivergenceAndAgreementAreThoseFromTheFirst) {
  FakeModel model, other;
  other.odds = 3;
  LanguageModel *models[] = {&model, &other, &model};
  std::vector<TaskItem> items{item("12", "77", {"77", "11"}, 0),
                              item("3", "1")};
  auto scores = scoreItems(models, items, true);
  ASSERT_TRUE(bool(scores)) << llvm::toString(scores.takeError());
  double expected = 11.0 / 20 * std::log(11.0 / 20 / (3.0 / 12)) +
                    9.0 / 20 * std::log(1.0 / 20 / (1.0 / 12));
  EXPECT_EQ((*scores)[0].divergence, 0);
  EXPECT_EQ((*scores)[0].agreement, 1);
  EXPECT_NEAR((*scores)[1].divergence, expected, 1e-6);
  EXPECT_EQ((*scores)[1].agreement, 1);
  EXPECT_EQ((*scores)[2].divergence, 0);
  EXPECT_EQ((*scores)[0].choiceItems, 0);
  EXPECT_EQ((*scores)[1].choiceItems, 1);

  other.favourite = 2;
  scores = scoreItems(models, items, true);
  ASSERT_TRUE(bool(scores));
  EXPECT_EQ((*scores)[1].agreement, 0);
  EXPECT_GT((*scores)[1].divergence, expected);
}

TEST(ScoreItems, WhatDoesNotFitTheContextIsCutOrRefused) {
  FakeModel model;
  model.context = 4;
  EXPECT_EQ(score(model, {item("123456", "77")}).answerTokens, 2);
  EXPECT_EQ(model.runs.front(), (std::vector<int32_t>{5, 6, 7}));
  EXPECT_NE(failure({&model}, item("1", "7777")).find("has 4 tokens"),
            std::string::npos);
}

TEST(ScoreItems, WhatHasOtherTokensCannotBeCompared) {
  FakeModel model, other;
  other.vocabulary = 12;
  EXPECT_EQ(failure({&model, &other}, item("1", "7")),
            "a model has 12 tokens in its vocabulary, its reference 10; they "
            "cannot be compared");
  other.shift = 1;
  EXPECT_EQ(failure({&model, &other}, item("1", "7")),
            "items: line 1: the models split this item into different tokens; "
            "they cannot be compared");
}
