//===- SelfGenerationTest.cpp - texts by the model itself -----------------===//

#include "picollm/Calibration/SelfGeneration.h"
#include "../Reference/TinyModel.h"
#include "picollm/Support/Parallel.h"
#include <cmath>
#include <filesystem>
#include <fstream>

using namespace picollm;

static SelfGenerationOptions options(int64_t texts, int64_t tokens) {
  SelfGenerationOptions result;
  result.texts = texts;
  result.tokens = tokens;
  result.begin = 7;
  return result;
}

TEST(SelfGeneration, SameSeedSameTextsForEveryThreadCountAndNumberOfTexts) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  setThreadCount(1);
  TokenSequences one = expectValue(selfGenerateTexts(*model, options(3, 20)));
  setThreadCount(4);
  EXPECT_EQ(expectValue(selfGenerateTexts(*model, options(3, 20))), one);
  setThreadCount(0);
  ASSERT_EQ(one.size(), 3u);
  EXPECT_NE(one[0], one[1]);
  for (const std::vector<int32_t> &text : one) {
    EXPECT_EQ(text.size(), 20u);
    EXPECT_EQ(text.front(), 7);
  }
  // More than are written at once.
  TokenSequences many = expectValue(selfGenerateTexts(*model, options(40, 20)));
  ASSERT_EQ(many.size(), 40u);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), many.begin()));
  EXPECT_EQ(many.back().size(), 20u);
  SelfGenerationOptions otherSeed = options(3, 20);
  otherSeed.seed = 2;
  EXPECT_NE(expectValue(selfGenerateTexts(*model, otherSeed)), one);
}

TEST(SelfGeneration, TextsEndAtTheContext) {
  TinyModel tiny; // 64 positions
  auto model = tiny.interpreter();
  EXPECT_EQ(expectValue(selfGenerateTexts(*model, options(1, 500)))[0].size(),
            64u);
}

TEST(SelfGeneration, SecondTokensFollowTheModelsDistribution) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  const int64_t count = 4000;
  TokenSequences texts =
      expectValue(selfGenerateTexts(*model, options(count, 2)));
  std::vector<int64_t> seen(40);
  for (const std::vector<int32_t> &text : texts)
    ++seen[text[1]];
  Matrix logits = expectValue(model->logits({7}));
  double sum = 0;
  for (float logit : logits.data)
    sum += std::exp(logit);
  for (int64_t id = 0; id < 40; ++id) {
    double p = std::exp(logits.data[id]) / sum;
    // Six standard deviations of a binomial count; the seed is fixed.
    EXPECT_NEAR(seen[id], count * p, 6 * std::sqrt(count * p * (1 - p)))
        << "token " << id;
  }
}

TEST(SelfGeneration, WithoutABeginTokenTextsStartAnywhere) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  SelfGenerationOptions anywhere = options(8, 2);
  anywhere.begin.reset();
  TokenSequences texts = expectValue(selfGenerateTexts(*model, anywhere));
  bool differ = false;
  for (const std::vector<int32_t> &text : texts)
    differ |= text[0] != texts[0][0];
  EXPECT_TRUE(differ);
}

namespace {
/// XDG_CACHE_HOME is a fresh folder.
class TextCache : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("picollm-cache", cache));
    setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    llvm::sys::fs::remove_directories(cache);
  }
  std::vector<std::string> files() {
    std::vector<std::string> result;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(cache + "/picollm", code), end;
         it != end && !code; it.increment(code))
      result.push_back(it->path());
    return result;
  }
  llvm::SmallString<128> cache;
};
} // namespace

TEST_F(TextCache, SecondCallReadsWhatTheFirstWrote) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  TokenSequences first =
      expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 5)));
  ASSERT_EQ(files().size(), 1u);
  std::ofstream(files()[0]) << "1 2\n3 4\n";
  EXPECT_EQ(
      expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 5))),
      (TokenSequences{{1, 2}, {3, 4}}));
  EXPECT_EQ(first[0].size(), 5u);
}

TEST_F(TextCache, EstimatesWriteNothingAndReadWhatIsThere) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  WritingEstimate estimate =
      expectValue(estimateSelfGeneration(*model, tiny.path, options(40, 20)));
  EXPECT_GT(estimate.seconds, 0);
  EXPECT_TRUE(files().empty());
  const TokenSequences written =
      expectValue(selfGenerateTextsCached(*model, tiny.path, options(40, 20)));
  ASSERT_EQ(estimate.texts.size(), 40u);
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(estimate.texts[i].size(), 20u);
    if (i < 18)
      EXPECT_TRUE(std::equal(written[i].begin(), written[i].begin() + 6,
                             estimate.texts[i].begin()));
  }
  estimate =
      expectValue(estimateSelfGeneration(*model, tiny.path, options(40, 20)));
  EXPECT_EQ(estimate.seconds, 0);
  EXPECT_EQ(estimate.texts, written);
}

TEST_F(TextCache, DamagedCacheIsWrittenAnew) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  TokenSequences first =
      expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 5)));
  for (const char *damaged : {"", "1 2\n", "1 2\n3 99\n", "1 x\n2 3\n"}) {
    std::ofstream(files().at(0)) << damaged;
    EXPECT_EQ(
        expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 5))),
        first);
  }
}

TEST_F(TextCache, FoldersAreToldApartByTheirFiles) {
  const std::string fixtures = PICOLLM_TEST_DIR "/Fixtures/Llama/";
  const std::string one =
      expectValue(modelFileIdentity(fixtures + "llama3-rope-bf16"));
  EXPECT_NE(one, expectValue(modelFileIdentity(fixtures + "yarn-rope-bf16")));

  const std::string copy = std::string(cache) + "/copy";
  std::filesystem::copy(fixtures + "llama3-rope-bf16", copy);
  EXPECT_EQ(expectValue(modelFileIdentity(copy)), one);
  std::ofstream(copy + "/README.md") << "no part of the model";
  EXPECT_EQ(expectValue(modelFileIdentity(copy)), one);
  std::fstream weights(copy + "/model-00002-of-00004.safetensors",
                       std::ios::in | std::ios::out | std::ios::binary);
  weights.seekp(-1, std::ios::end);
  weights.put('\x7F');
  weights.close();
  EXPECT_NE(expectValue(modelFileIdentity(copy)), one);
}

TEST_F(TextCache, OtherModelsAndOptionsHaveTheirOwn) {
  TinyModel tiny;
  TinyLlama otherShape;
  otherShape.layers = 1;
  TinyModel other(otherShape);
  auto model = tiny.interpreter(), otherModel = other.interpreter();
  expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 5)));
  expectValue(selfGenerateTextsCached(*model, tiny.path, options(2, 6)));
  expectValue(selfGenerateTextsCached(*otherModel, other.path, options(2, 5)));
  EXPECT_EQ(files().size(), 3u);
}

TEST_F(TextCache, CacheThatCannotBeWrittenIsNoError) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  std::ofstream((cache + "/picollm").str()) << "a file, not a folder";
  EXPECT_EQ(
      expectValue(selfGenerateTextsCached(*model, tiny.path, options(1, 5)))[0]
          .size(),
      5u);
}
