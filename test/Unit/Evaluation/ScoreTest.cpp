//===- ScoreTest.cpp - how well models predict texts ----------------------===//

#include "Score.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

using namespace picollm;
using llvm::Error;

namespace {
/// Tokens are the bytes of the text. For every byte it gives the next of the
/// text, where that is `known`, the probability of `odds` against one for each
/// of the 9 other tokens.
class FakeModel : public LanguageModel {
public:
  llvm::Expected<std::vector<int32_t>> tokenize(llvm::StringRef text) override {
    std::vector<int32_t> tokens;
    for (char c : text)
      tokens.push_back(c - '0' + shift);
    return tokens;
  }

  int64_t contextLength() const override { return 1024; }

  Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
            LogitsVisitor visit) override {
    runs.push_back(tokens.vec());
    EXPECT_EQ(firstWanted, 512);
    for (int64_t first = firstWanted; first < int64_t(tokens.size());
         first += piece) {
      int64_t count = std::min<int64_t>(piece, tokens.size() - first);
      Matrix rows(count, vocabulary);
      for (int64_t i = 0; i < count; ++i)
        rows.row(i)[answer] = std::log(odds) + 100;
      for (float &logit : rows.data)
        if (logit == 0)
          logit = 100; // softmax must not overflow
      if (Error error = visit(first, rows))
        return error;
    }
    return Error::success();
  }

  int64_t piece = 1 << 20;
  int64_t vocabulary = 10;
  int answer = 7;
  int shift = 0; ///< of its tokens
  float odds = 1;
  std::vector<std::vector<int32_t>> runs;
};

class ScoreTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("picollm-eval", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  void write(const std::string &name, const std::string &text) {
    std::ofstream((folder + "/" + name).str()) << text;
  }
  Score measure(int64_t limit = 0) {
    auto result = scoreModels(&model, folder, limit, false);
    if (result)
      return result->front();
    ADD_FAILURE() << llvm::toString(result.takeError());
    return {};
  }
  llvm::SmallString<128> folder;
  FakeModel model;
};
} // namespace

TEST_F(ScoreTest, UniformModelHasThePerplexityOfItsVocabulary) {
  write("0.txt", std::string(1500, '3'));
  Score result = measure();
  EXPECT_NEAR(result.perplexity, 10, 1e-4);
  EXPECT_NEAR(result.perplexityGeometric, 10, 1e-4);
  EXPECT_EQ(result.texts, 1);
  EXPECT_EQ(result.tokens, 511);
}

TEST_F(ScoreTest, MeansOverTextsAreArithmeticAndGeometric) {
  model.odds = 11; // 11 of 20: perplexity 20 / 11 where right, else 20
  write("0.txt", std::string(1025, '7'));
  write("1.txt", std::string(1025, '3'));
  Score result = measure();
  EXPECT_NEAR(result.perplexity, (20.0 / 11 + 20) / 2, 1e-4);
  EXPECT_NEAR(result.perplexityGeometric, 20 / std::sqrt(11.0), 1e-4);
}

TEST_F(ScoreTest, OnlyTokens513To1023Count) {
  model.odds = 11;
  // Right answers everywhere but at 512 and from 1024 on.
  std::string text(1100, '7');
  text[512] = '1';
  text.replace(1024, 10, "1111111111");
  write("0.txt", text);
  EXPECT_NEAR(measure().perplexity, 20.0 / 11, 1e-5);
  for (int position : {513, 1023}) {
    text[position] = '1';
    write("0.txt", text);
    EXPECT_GT(measure().perplexity, 20.0 / 11 + 1e-3) << position;
    text[position] = '7';
  }
}

TEST_F(ScoreTest, PiecesOfOneTokenGiveTheSame) {
  model.odds = 3;
  std::string text(1025, '7');
  for (size_t i = 0; i < text.size(); i += 3)
    text[i] = '1';
  write("0.txt", text);
  Score whole = measure();
  model.piece = 1;
  EXPECT_EQ(measure().perplexity, whole.perplexity);
}

TEST_F(ScoreTest, ShortTextsAreSkippedAndTheLimitCountsTheOthers) {
  write("0.txt", std::string(1024, '0'));
  write("2.txt", std::string(1025, '2'));
  write("10.txt", std::string(1025, '5'));
  write("1.txt", std::string(2000, '1'));
  EXPECT_EQ(measure(2).texts, 2);
  ASSERT_EQ(model.runs.size(), 2u);
  EXPECT_EQ(model.runs[0], std::vector<int32_t>(1023, 1));
  EXPECT_EQ(model.runs[1], std::vector<int32_t>(1023, 2));
  EXPECT_EQ(measure().texts, 3);
}

TEST_F(ScoreTest, WithoutALongTextThereIsNoPerplexity) {
  write("0.txt", "123");
  auto result = scoreModels(&model, folder, 0, false);
  ASSERT_FALSE(bool(result));
  EXPECT_NE(llvm::toString(result.takeError())
                .find("no text has more than 1024 tokens"),
            std::string::npos);
}

TEST_F(ScoreTest, DivergenceAndAgreementAreThoseFromTheFirst) {
  FakeModel other;
  model.odds = 11; // 11/20 and nine times 1/20
  other.odds = 3;  // 3/12 and 1/12
  other.piece = 100;
  write("0.txt", std::string(1025, '7'));
  write("1.txt", std::string(1025, '2'));
  LanguageModel *models[] = {&model, &other, &model};
  auto scores = scoreModels(models, folder, 0, true);
  ASSERT_TRUE(bool(scores)) << llvm::toString(scores.takeError());
  double expected = 11.0 / 20 * std::log(11.0 / 20 / (3.0 / 12)) +
                    9.0 / 20 * std::log(1.0 / 20 / (1.0 / 12));
  EXPECT_NEAR((*scores)[1].divergence, expected, 1e-6);
  EXPECT_EQ((*scores)[1].agreement, 1);
  EXPECT_EQ((*scores)[2].divergence, 0);
  EXPECT_EQ((*scores)[0].divergence, 0);
  EXPECT_EQ((*scores)[0].agreement, 1);
  EXPECT_EQ((*scores)[1].tokens, 1022);

  other.answer = 2;
  scores = scoreModels(models, folder, 1, true);
  ASSERT_TRUE(bool(scores));
  EXPECT_EQ((*scores)[1].agreement, 0);
  EXPECT_GT((*scores)[1].divergence, expected);
}

TEST_F(ScoreTest, WhatHasOtherTokensCannotBeCompared) {
  FakeModel other;
  LanguageModel *models[] = {&model, &other};
  write("0.txt", std::string(1025, '7'));
  other.vocabulary = 12;
  auto scores = scoreModels(models, folder, 0, true);
  EXPECT_EQ(llvm::toString(scores.takeError()),
            "a model has 12 tokens in its vocabulary, its reference 10; they "
            "cannot be compared");
  other.shift = 1;
  scores = scoreModels(models, folder, 0, true);
  EXPECT_NE(llvm::toString(scores.takeError())
                .find("0.txt: the models split this text into different"),
            std::string::npos);
}
