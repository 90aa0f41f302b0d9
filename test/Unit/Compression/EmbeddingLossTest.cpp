//===- EmbeddingLossTest.cpp - what errors of an embedding cost -----------===//

#include "EmbeddingLoss.h"
#include <gtest/gtest.h>
#include <numeric>

using namespace picollm;

namespace {

/// Four tokens of two columns: seen 5, 1, 2 times and never.
FisherInformation information() {
  FisherInformation fisher;
  fisher.embedding = SecondMoment(2);
  fisher.embedding.values = {3, 1, 1, 2};
  fisher.tokenCounts = {5, 1, 2, 0};
  return fisher;
}

} // namespace

TEST(EmbeddingLoss, OfLookUpsIsTheirShareTimesTheMomentOfTheGradient) {
  EmbeddingLoss loss = lossOfEmbedding(information(), nullptr, nullptr);
  // One of 8 tokens was seen once: so likely is a token never seen.
  const std::vector<float> expected = {5.0f / 8 * 7 / 8, 1.0f / 8 * 7 / 8,
                                       2.0f / 8 * 7 / 8, unseenTokenWeight / 8};
  const std::vector<float> moment = {3, 1, 1, 2};
  ASSERT_EQ(loss.rowWeights.size(), expected.size());
  for (size_t v = 0; v < expected.size(); ++v)
    for (size_t i = 0; i < moment.size(); ++i)
      EXPECT_FLOAT_EQ(loss.rowWeights[v] * loss.statistics.moment[i],
                      expected[v] * moment[i])
          << v << ' ' << i;
}

TEST(EmbeddingLoss, UnseenTokensDoNotBecomeRarerWithMoreTexts) {
  FisherInformation fisher = information();
  // Of half of these texts' tokens the other half has one in two unseen.
  fisher.tokenCounts.assign(unseenTokenSample, 2);
  fisher.tokenCounts.push_back(0);
  EmbeddingLoss loss = lossOfEmbedding(fisher, nullptr, nullptr);
  EXPECT_FLOAT_EQ(loss.rowWeights.back() / loss.rowWeights.front(),
                  unseenTokenWeight * 0.5f * unseenTokenSample);
}

TEST(EmbeddingLoss, IsExactWhereHeadAndLookUpHaveOneMoment) {
  FisherInformation fisher = information();
  SecondMoment head = fisher.embedding;
  const std::vector<float> f = {0.5f, 0.25f, 0.0625f, 0.01f};
  EmbeddingLoss alone = lossOfEmbedding(fisher, nullptr, nullptr);
  EmbeddingLoss both = lossOfEmbedding(fisher, &head, &f);
  for (size_t v = 0; v < f.size(); ++v)
    for (size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(both.rowWeights[v] * both.statistics.moment[i],
                  f[v] * head.values[i] +
                      alone.rowWeights[v] * alone.statistics.moment[i],
                  1e-6)
          << v << ' ' << i;
}

TEST(EmbeddingLoss, KeepsTheSumOverRowsAndTheTraceOfEachRow) {
  FisherInformation fisher = information();
  SecondMoment head(2);
  head.values = {1, -0.5f, -0.5f, 40};
  const std::vector<float> f = {0.5f, 0.25f, 0.0625f, 0.01f};
  EmbeddingLoss alone = lossOfEmbedding(fisher, nullptr, nullptr);
  EmbeddingLoss both = lossOfEmbedding(fisher, &head, &f);
  const std::vector<float> &m = both.statistics.moment;
  const double sum = std::accumulate(f.begin(), f.end(), 0.0);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(m[i], alone.statistics.moment[i] + sum * head.values[i], 1e-5);
  EXPECT_NEAR(
      std::accumulate(both.rowWeights.begin(), both.rowWeights.end(), 0.0), 1,
      1e-6);
  const std::vector<float> &g = alone.statistics.moment;
  for (size_t v = 0; v < f.size(); ++v)
    EXPECT_NEAR(both.rowWeights[v] * (m[0] + m[3]),
                alone.rowWeights[v] * (g[0] + g[3]) + f[v] * 41, 1e-5);
}
