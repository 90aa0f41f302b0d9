//===- CompiledSessionsTest.cpp - sessions of a compiled model ------------===//
//
// What test/Unit/Runtime shows with models written by hand, where the code of
// the step is the compiler's: keys and values of several layers and heads.

#include "../Unit/GoldenModels/GoldenModel.h"
#include "CompiledModel.h"
#include <cmath>
#include <memory>

using namespace picollm;

namespace {

const GoldenModel &golden() {
  static const GoldenModel model("gqa-llama3-rope-q8_0");
  return model;
}

class CompiledSession {
public:
  CompiledSession(const CompiledModel &compiled, int32_t threads,
                  int64_t context = 512)
      : vocabulary(picollm_model_vocabulary(compiled.model)) {
    const picollm_session_options options = {context, threads};
    EXPECT_EQ(
        picollm_session_create(compiled.model, &options, &session, &error),
        PICOLLM_OK)
        << error.message;
  }
  CompiledSession(const CompiledSession &) = delete;
  ~CompiledSession() { picollm_session_free(session); }

  std::string generate(const std::string &prompt,
                       const picollm_generate_options &options) {
    std::string text;
    EXPECT_EQ(picollm_generate(
                  session, prompt.data(), prompt.size(), &options,
                  [](const char *part, size_t length, void *user) {
                    static_cast<std::string *>(user)->append(part, length);
                    return 0;
                  },
                  &text, &result, &error),
              PICOLLM_OK)
        << error.message;
    return text;
  }

  std::vector<float> logitsOf(const std::vector<int32_t> &tokens) {
    std::vector<float> logits(size_t(vocabulary) * tokens.size());
    EXPECT_EQ(picollm_forward(session, tokens.data(), tokens.size(), 0,
                              logits.data(), &error),
              PICOLLM_OK)
        << error.message;
    return logits;
  }

  std::vector<int32_t> tokens() const {
    std::vector<int32_t> all(picollm_session_tokens(session, nullptr, 0));
    picollm_session_tokens(session, all.data(), all.size());
    return all;
  }

  picollm_session *session = nullptr;
  int64_t vocabulary;
  picollm_generate_result result = {};
  picollm_error error = {};
};

class CompiledSessions : public testing::Test {
protected:
  void SetUp() override {
    const std::string folder = testFolder() + "/model";
    ASSERT_TRUE(runTool("picollm-compile --quiet \"" + golden().path +
                        "\" -o \"" + folder +
                        "\" --scheme=none -target=x86-64-v3,x86-64"));
    compiled = std::make_unique<CompiledModel>(folder);
    if (compiled->status == PICOLLM_UNSUPPORTED_CPU)
      GTEST_SKIP() << "this CPU runs neither target";
    ASSERT_NE(compiled->model, nullptr);
  }

  std::unique_ptr<CompiledModel> compiled;
};

picollm_generate_options sampled(int64_t count, uint64_t seed) {
  picollm_generate_options options = {};
  options.max_tokens = count;
  options.temperature = 1;
  options.top_p = 0.95;
  options.presence_penalty = 0.5;
  options.seed = seed;
  return options;
}

TEST_F(CompiledSessions, TheSeedDecidesForAnyNumberOfThreads) {
  CompiledSession one(*compiled, 1);
  one.generate(golden().promptText, sampled(60, 11));
  const std::vector<int32_t> expected = one.tokens();
  for (int32_t threads : {2, 3, 5}) {
    CompiledSession session(*compiled, threads);
    session.generate(golden().promptText, sampled(60, 11));
    EXPECT_EQ(session.tokens(), expected) << threads << " threads";
  }
  CompiledSession other(*compiled, 1);
  other.generate(golden().promptText, sampled(60, 12));
  EXPECT_NE(other.tokens(), expected);
}

TEST_F(CompiledSessions, ASavedOneGoesOnBitByBit) {
  const std::string path = testFolder() + "/session";
  const std::string start = golden().promptText.substr(0, 120);
  CompiledSession saved(*compiled, 2);
  saved.generate(start, sampled(20, 3));
  ASSERT_EQ(picollm_session_save(saved.session, path.c_str(), &saved.error),
            PICOLLM_OK)
      << saved.error.message;
  const std::vector<int32_t> atSaving = saved.tokens();
  const int64_t used = int64_t(atSaving.size());
  saved.generate(" And", sampled(30, 4));
  const std::vector<int32_t> expected = saved.tokens();
  const std::vector<float> logits = saved.logitsOf({1, 2, 3});

  for (int64_t context : {int64_t(512), int64_t(400), used + 40}) {
    CompiledSession loaded(*compiled, 1, context);
    ASSERT_EQ(picollm_session_load(loaded.session, path.c_str(), &loaded.error),
              PICOLLM_OK)
        << loaded.error.message;
    EXPECT_EQ(loaded.tokens(), atSaving);
    loaded.generate(" And", sampled(30, 4));
    EXPECT_EQ(loaded.tokens(), expected) << "context " << context;
    if (context >= int64_t(expected.size()) + 3)
      EXPECT_EQ(loaded.logitsOf({1, 2, 3}), logits) << "context " << context;
  }
  CompiledSession tooShort(*compiled, 1, used - 1);
  EXPECT_EQ(picollm_session_load(tooShort.session, path.c_str(), nullptr),
            PICOLLM_CONTEXT_FULL);
  EXPECT_EQ(picollm_session_position(tooShort.session), 0);
}

// One at a time and many at once agree closely, so does what is reused.
TEST_F(CompiledSessions, ASharedPrefixGivesTheLogitsOfANewSession) {
  const std::string text = golden().promptText;
  picollm_generate_options options = {};
  options.max_tokens = 8;
  options.from_start = 1;
  CompiledSession session(*compiled, 2), fresh(*compiled, 2);
  session.generate(text, options);
  const std::string next = text.substr(0, text.size() / 2) + " then it changed";
  session.generate(next, options);
  EXPECT_GT(session.result.reused_tokens, 20);
  EXPECT_LT(session.result.reused_tokens, session.result.prompt_tokens);
  fresh.generate(next, options);
  EXPECT_EQ(fresh.result.reused_tokens, 0);
  EXPECT_EQ(session.tokens(), fresh.tokens());
  const std::vector<float> a = session.logitsOf({5}), b = fresh.logitsOf({5});
  float largest = 0;
  for (float logit : b)
    largest = std::max(largest, std::abs(logit));
  for (size_t i = 0; i < b.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-3f * largest) << "token " << i;
}

TEST_F(CompiledSessions, TogetherTheyGiveTheirOwnLogits) {
  const std::vector<std::string> prompts = {"Once", "The house was red and",
                                            golden().promptText, "A"};
  std::vector<float> first;
  for (int32_t threads : {1, 2, 3}) {
    std::vector<std::unique_ptr<CompiledSession>> alone, together;
    std::vector<picollm_session *> sessions;
    std::vector<int32_t> tokens;
    for (const std::string &prompt : prompts) {
      for (auto *list : {&alone, &together}) {
        list->push_back(std::make_unique<CompiledSession>(*compiled, threads));
        list->back()->generate(prompt, sampled(5, 8));
      }
      sessions.push_back(together.back()->session);
      tokens.push_back(int32_t(20 + 3 * tokens.size()));
    }
    const size_t vocabulary = size_t(together[0]->vocabulary);
    std::vector<float> logits(prompts.size() * vocabulary);
    picollm_error error = {};
    ASSERT_EQ(picollm_forward_sessions(sessions.data(), tokens.data(),
                                       sessions.size(), logits.data(), &error),
              PICOLLM_OK)
        << error.message;
    for (size_t i = 0; i < prompts.size(); ++i) {
      const std::vector<float> own = alone[i]->logitsOf({tokens[i]});
      for (size_t j = 0; j < vocabulary; ++j)
        ASSERT_NEAR(logits[i * vocabulary + j], own[j], 1e-3)
            << prompts[i] << ", token " << j;
    }
    if (first.empty())
      first = logits;
    EXPECT_EQ(logits, first) << threads << " threads";
  }
}

TEST_F(CompiledSessions, ProbabilitiesAreThoseOfTheGoldenLogits) {
  picollm_generate_options options = {};
  options.max_tokens = 1;
  options.top_choices = 3;
  picollm_token_choice chosen = {};
  options.on_token_user = &chosen;
  options.on_token = [](const picollm_token_result *token, void *user) {
    EXPECT_EQ(token->top_count, 3u);
    *static_cast<picollm_token_choice *>(user) = token->chosen;
    return 0;
  };
  CompiledSession session(*compiled, 1);
  session.generate(golden().promptText, options);
  ASSERT_EQ(session.result.prompt_tokens, int64_t(golden().prompt.size()));
  ASSERT_EQ(golden().positions.back(), int64_t(golden().prompt.size()) - 1);
  const float *row = golden().logits.data() + golden().logits.size() -
                     size_t(golden().vocabulary);
  EXPECT_EQ(chosen.token, indexOfLargest(row, golden().vocabulary));
  double sum = 0;
  for (int64_t i = 0; i < golden().vocabulary; ++i)
    sum += std::exp(double(row[i]));
  EXPECT_NEAR(chosen.log_probability, row[chosen.token] - std::log(sum), 2e-2);
}

} // namespace
