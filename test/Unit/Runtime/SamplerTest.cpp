#include "Sampler.h"

#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <map>

using namespace picollm::runtime;

static const float infinity = std::numeric_limits<float>::infinity();
static const float notANumber = std::numeric_limits<float>::quiet_NaN();

static std::vector<int> count(SamplerOptions options,
                              const std::vector<float> &logits, int draws) {
  Sampler sampler(options);
  std::vector<int> counts(logits.size());
  for (int i = 0; i < draws; ++i)
    ++counts[size_t(sampler.pick(logits.data(), logits.size()))];
  return counts;
}

// From the authors' reference program, splitmix64.c, with seed 1234567.
TEST(Random, PublishedSequence) {
  Random random(1234567);
  for (uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
        4593380528125082431u, 16408922859458223821u})
    EXPECT_EQ(random.next(), expected);
}

TEST(Random, UniformStaysBelowOne) {
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = random.nextUniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
  }
  EXPECT_NEAR(sum / 200000, 0.5, 0.003);
}

TEST(PortableExp, IsTheExponential) {
  EXPECT_EQ(portableExp(0), 1);
  for (double x = 0; x > -700; x -= 0.37)
    EXPECT_NEAR(portableExp(x) / std::exp(x), 1, 4.5e-16) << x;
  EXPECT_EQ(portableExp(-800), 0);
  EXPECT_EQ(portableExp(-HUGE_VAL), 0);
  EXPECT_EQ(portableExp(std::nan("")), 0);
}

TEST(Sampler, TemperatureZeroTakesTheFirstMaximum) {
  Sampler sampler({});
  const std::vector<float> logits = {-1, 3, 2, 3};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(sampler.pick(logits.data(), logits.size()), 1);
}

TEST(Sampler, IgnoresLogitsThatAreNotNumbers) {
  const std::vector<float> logits = {notANumber, 1, notANumber, 2};
  Sampler greedy({});
  EXPECT_EQ(greedy.pick(logits.data(), logits.size()), 3);
  SamplerOptions options;
  options.temperature = 1;
  const std::vector<int> counts = count(options, logits, 200);
  EXPECT_EQ(counts[0] + counts[2], 0);
  EXPECT_GT(counts[1], 0);
}

TEST(Sampler, GivesATokenWhateverTheLogits) {
  SamplerOptions options;
  options.temperature = 1;
  options.topP = 0.5;
  for (float logit : {infinity, -infinity, notANumber}) {
    const std::vector<float> logits(4, logit);
    Sampler sampler(options);
    EXPECT_EQ(sampler.pick(logits.data(), logits.size()), 0);
  }
}

// Frequencies within four standard deviations of the softmax.
TEST(Sampler, DrawsFromTheSoftmaxAtTheTemperature) {
  const std::vector<float> logits = {0.5f, -1, 2, 0, 1.25f, -infinity};
  const int draws = 20000;
  for (double temperature : {0.5, 1.0, 2.0}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.seed = 7;
    const std::vector<int> counts = count(options, logits, draws);
    double total = 0;
    for (float logit : logits)
      total += std::exp(logit / temperature);
    for (size_t i = 0; i < logits.size(); ++i) {
      const double p = std::exp(logits[i] / temperature) / total;
      EXPECT_NEAR(counts[i], draws * p, 4 * std::sqrt(draws * p * (1 - p)))
          << "token " << i << " at temperature " << temperature;
    }
  }
}

// Probabilities 0.4, 0.3, 0.2, 0.1 in a mixed order of ids.
static const std::vector<float> fourTokens = {std::log(0.2f), std::log(0.4f),
                                              std::log(0.1f), std::log(0.3f)};

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::map<double, std::vector<bool>> keptByTopP = {
      {0.05, {false, true, false, false}}, {0.39, {false, true, false, false}},
      {0.41, {false, true, false, true}},  {0.69, {false, true, false, true}},
      {0.71, {true, true, false, true}},   {0.95, {true, true, true, true}},
      {1.0, {true, true, true, true}}};
  for (const auto &[topP, kept] : keptByTopP) {
    SamplerOptions options;
    options.temperature = 1;
    options.topP = topP;
    const std::vector<int> counts = count(options, fourTokens, 2000);
    for (size_t i = 0; i < 4; ++i)
      EXPECT_EQ(counts[i] > 0, kept[i]) << "token " << i << ", top_p " << topP;
  }
}

TEST(Sampler, TopKKeepsTheMostProbable) {
  SamplerOptions options;
  options.temperature = 1;
  options.topK = 2;
  const std::vector<int> counts = count(options, fourTokens, 7000);
  EXPECT_EQ(counts[0] + counts[2], 0);
  EXPECT_NEAR(counts[1], 4000, 4 * std::sqrt(7000 * (4 / 7.) * (3 / 7.)));
  options.topK = 100;
  EXPECT_GT(count(options, fourTokens, 2000)[2], 0);
}

TEST(Sampler, TopPCountsWithinTopK) {
  // Of the two that remain, the first has 4/7 > 0.55.
  SamplerOptions options;
  options.temperature = 1;
  options.topK = 2;
  options.topP = 0.55;
  EXPECT_EQ(count(options, fourTokens, 500)[1], 500);
}

TEST(Sampler, PenaltiesCountWhatWasTaken) {
  const std::vector<float> logits = {2, 1.5, 1.25, -infinity};
  auto take = [&](double presence, double frequency) {
    SamplerOptions options;
    options.presencePenalty = presence;
    options.frequencyPenalty = frequency;
    Sampler sampler(options);
    std::vector<int32_t> taken;
    for (int i = 0; i < 6; ++i) {
      taken.push_back(sampler.pick(logits.data(), logits.size()));
      sampler.count(taken.back());
    }
    return taken;
  };
  using Tokens = std::vector<int32_t>;
  EXPECT_EQ(take(0, 0), (Tokens{0, 0, 0, 0, 0, 0}));
  // 2 1.5 1.25; then each has lost 1 once.
  EXPECT_EQ(take(1, 0), (Tokens{0, 1, 2, 0, 0, 0}));
  // 2 1.5 1.25; 1 1.5 1.25; 1 .5 1.25; 1 .5 .25; 0 .5 .25; 0 -.5 .25
  EXPECT_EQ(take(0, 1), (Tokens{0, 1, 2, 0, 1, 2}));
  // 2 1.5 1.25; 0.25 1.5 1.25; .25 -.25 1.25; .25 -.25 -.5; -.75 ...
  EXPECT_EQ(take(0.75, 1), (Tokens{0, 1, 2, 0, 1, 2}));
  // A negative penalty is a reward.
  EXPECT_EQ(take(-1, 0), (Tokens{0, 0, 0, 0, 0, 0}));
  // Beyond all floats the others come first, and still a token is given.
  EXPECT_EQ(take(1e308, 1e308), (Tokens{0, 1, 2, 0, 0, 0}));
  EXPECT_EQ(take(-1e308, -1e308), (Tokens{0, 0, 0, 0, 0, 0}));
}

TEST(Sampler, PenaltiesChangeProbabilitiesBeforeTheTemperature) {
  SamplerOptions options;
  options.temperature = 2;
  options.presencePenalty = 2;
  const std::vector<float> logits = {3, 1};
  Sampler sampler(options);
  sampler.count(0); // now both have 1
  int first = 0;
  for (int i = 0; i < 4000; ++i)
    first += sampler.pick(logits.data(), logits.size()) == 0;
  EXPECT_NEAR(first, 2000, 4 * std::sqrt(1000.0));
}

TEST(Sampler, TheSeedDecides) {
  auto draw = [](uint64_t seed) {
    SamplerOptions options;
    options.temperature = 1;
    options.seed = seed;
    Sampler sampler(options);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i)
      tokens.push_back(sampler.pick(fourTokens.data(), fourTokens.size()));
    return tokens;
  };
  EXPECT_EQ(draw(3), draw(3));
  EXPECT_NE(draw(3), draw(4));
}
