#include "TokenChoices.h"

#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using picollm::runtime::TokenChoices;

static const float infinity = std::numeric_limits<float>::infinity();
static const float notANumber = std::numeric_limits<float>::quiet_NaN();

static std::vector<int32_t> ids(const TokenChoices &choices) {
  std::vector<int32_t> all;
  for (const picollm_token_choice &choice : choices.top())
    all.push_back(choice.token);
  return all;
}

TEST(TokenChoices, AreLogProbabilitiesByFallingProbability) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f),
                                     std::log(0.05f), std::log(0.25f)};
  TokenChoices choices;
  choices.rank(logits.data(), 4, 3);
  EXPECT_EQ(ids(choices), (std::vector<int32_t>{1, 3, 0}));
  EXPECT_NEAR(choices.top()[0].log_probability, std::log(0.5), 1e-6);
  EXPECT_NEAR(choices.top()[2].log_probability, std::log(0.2), 1e-6);
  EXPECT_NEAR(choices.describe(2).log_probability, std::log(0.05), 1e-6);
}

TEST(TokenChoices, MoreThanThereAreAndNone) {
  const std::vector<float> logits = {1, 1, 2};
  TokenChoices choices;
  choices.rank(logits.data(), 3, 99);
  EXPECT_EQ(ids(choices), (std::vector<int32_t>{2, 0, 1}));
  choices.rank(logits.data(), 3, 0);
  EXPECT_EQ(ids(choices), std::vector<int32_t>());
}

// Neither e^300 nor 128000 times e^-300 has a double's place.
TEST(TokenChoices, LargeLogitsAndVocabulariesLoseNothing) {
  for (float base : {300.0f, -300.0f, 3e38f, -3e38f}) {
    const std::vector<float> logits(128000, base);
    TokenChoices choices;
    choices.rank(logits.data(), logits.size(), 1);
    EXPECT_FLOAT_EQ(choices.describe(77).log_probability,
                    float(-std::log(128000.0)));
  }
  const std::vector<float> far = {0, -1000, 3e38f, -3e38f};
  TokenChoices choices;
  choices.rank(far.data(), 2, 0);
  EXPECT_EQ(choices.describe(0).log_probability, 0);
  EXPECT_EQ(choices.describe(1).log_probability, -1000);
  choices.rank(far.data() + 2, 2, 0);
  EXPECT_EQ(choices.describe(1).log_probability, -infinity);
}

TEST(TokenChoices, WhatIsNotANumberIsNeverGiven) {
  const std::vector<float> logits = {notANumber, 1, -infinity, 1};
  TokenChoices choices;
  choices.rank(logits.data(), 4, 4);
  EXPECT_EQ(ids(choices), (std::vector<int32_t>{1, 3, 2, 0}));
  EXPECT_FLOAT_EQ(choices.describe(3).log_probability, float(std::log(0.5)));
  EXPECT_EQ(choices.describe(2).log_probability, -infinity);
  EXPECT_EQ(choices.describe(0).log_probability, -infinity);
  const std::vector<float> none(3, notANumber);
  choices.rank(none.data(), 3, 3);
  EXPECT_EQ(ids(choices), (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(choices.top()[0].log_probability, -infinity);
}

TEST(TokenChoices, InfiniteLogitsShareAllOfIt) {
  const std::vector<float> logits = {infinity, 5, infinity};
  TokenChoices choices;
  choices.rank(logits.data(), 3, 3);
  EXPECT_EQ(ids(choices), (std::vector<int32_t>{0, 2, 1}));
  EXPECT_FLOAT_EQ(choices.describe(2).log_probability, float(std::log(0.5)));
  EXPECT_EQ(choices.describe(1).log_probability, -infinity);
}
