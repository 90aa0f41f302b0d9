#include "FakeSession.h"
#include "HelloFromC.h"

#include <cmath>
#include <set>

using namespace picollm::test;

TEST(Generate, GreedyContinuesWithTheMostProbableTokens) {
  FakeSession fake(picollm_counting_model());
  EXPECT_EQ(fake.generate("xa", maxTokens(5)), "bcdef");
  EXPECT_EQ(fake.status, PICOLLM_OK);
  EXPECT_EQ(fake.result.prompt_tokens, 2);
  EXPECT_EQ(fake.result.completion_tokens, 5);
  EXPECT_EQ(fake.result.end, PICOLLM_END_TOKEN_LIMIT);
  EXPECT_GT(fake.result.prompt_seconds, 0);
}

TEST(Generate, ThreadsAndPartsDoNotChangeTheText) {
  const std::string prompt(150, 'q');
  picollm_generate_options options = maxTokens(80);
  for (double temperature : {0.0, 1.0}) {
    options.temperature = temperature;
    FakeSession one(picollm_fake_model(), 1);
    const std::string expected = one.generate(prompt, options);
    for (int32_t threads : {2, 3}) {
      FakeSession fake(picollm_fake_model(), threads);
      EXPECT_EQ(fake.generate(prompt, options), expected)
          << threads << " threads";
    }
  }
}

TEST(Generate, TheSeedDecidesAndResetRepeats) {
  FakeSession fake(picollm_fake_model());
  picollm_generate_options options = maxTokens(30);
  options.temperature = 1;
  options.seed = 5;
  const std::string first = fake.generate("seed", options);
  picollm_session_reset(fake.session);
  EXPECT_EQ(fake.generate("seed", options), first);
  picollm_session_reset(fake.session);
  options.seed = 6;
  EXPECT_NE(fake.generate("seed", options), first);
}

TEST(Generate, ContinuesWhereItEnded) {
  FakeSession whole(picollm_fake_model());
  const std::string expected = whole.generate("begin", maxTokens(20));
  // The last token of the first half has not been run when the second begins.
  FakeSession halves(picollm_fake_model());
  std::string text = halves.generate("begin", maxTokens(10));
  EXPECT_EQ(picollm_session_position(halves.session), 15);
  text += halves.generate("", maxTokens(10));
  EXPECT_EQ(halves.result.prompt_tokens, 0);
  EXPECT_EQ(picollm_session_position(halves.session), 25);
  // A cut inside a character shows in both halves: compare what is not.
  EXPECT_EQ(picollm_session_position(whole.session), 25);
  std::vector<float> logits(FAKE_VOCABULARY), same(FAKE_VOCABULARY);
  const int32_t token = 1;
  picollm_forward(whole.session, &token, 1, 0, logits.data(), nullptr);
  picollm_forward(halves.session, &token, 1, 0, same.data(), nullptr);
  EXPECT_EQ(logits, same);
}

TEST(Generate, EndsWithTheTokenThatEndsText) {
  FakeSession fake(picollm_counting_model());
  // Bytes fd, fe, ff, then the begin token (not shown), then the end token.
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(fake.generate("\xfc"), replacement + replacement + replacement);
  EXPECT_EQ(fake.result.end, PICOLLM_END_OF_TEXT);
  EXPECT_EQ(fake.result.completion_tokens, 4);
}

TEST(Generate, BeginTokenComesFirstAndOnlyOnce) {
  FakeSession fake(picollm_counting_model(), 1, 0, true);
  fake.generate("a", maxTokens(1));
  EXPECT_EQ(fake.result.prompt_tokens, 2);
  fake.generate("a", maxTokens(1));
  EXPECT_EQ(fake.result.prompt_tokens, 1);
}

TEST(Generate, SpecialTokensAreReadOnDemand) {
  FakeSession fake(picollm_counting_model());
  picollm_generate_options options = maxTokens(1);
  fake.generate("<|begin|>", options);
  EXPECT_EQ(fake.result.prompt_tokens, 9);
  options.parse_special = 1;
  picollm_session_reset(fake.session);
  fake.generate("<|begin|>", options);
  EXPECT_EQ(fake.result.prompt_tokens, 1);
  EXPECT_EQ(fake.result.end, PICOLLM_END_OF_TEXT);
}

TEST(Generate, EndsWhereTheContextEnds) {
  FakeSession fake(picollm_counting_model(), 1, 8);
  // Positions 5 to 7 take f, g, h; i needs none.
  EXPECT_EQ(fake.generate("abcde"), "fghi");
  EXPECT_EQ(fake.result.end, PICOLLM_END_CONTEXT_FULL);
  EXPECT_EQ(picollm_session_position(fake.session), 8);
  EXPECT_EQ(fake.generate("x"), "");
  EXPECT_EQ(fake.status, PICOLLM_CONTEXT_FULL);
  picollm_session_reset(fake.session);
  EXPECT_EQ(fake.generate("abcdefgh"), "i");
}

TEST(Generate, PromptLongerThanTheContext) {
  FakeSession fake(picollm_counting_model(), 1, 8);
  EXPECT_EQ(fake.generate("abcdefghi"), "");
  EXPECT_EQ(fake.status, PICOLLM_CONTEXT_FULL);
  EXPECT_STREQ(fake.error.message,
               "the prompt has 9 tokens, but 8 of the context's 8 positions "
               "are free; shorten it or create a session with a longer "
               "context");
  EXPECT_EQ(picollm_session_position(fake.session), 0);
}

TEST(Generate, EmptyPrompt) {
  FakeSession fake(picollm_counting_model());
  fake.generate("");
  EXPECT_EQ(fake.status, PICOLLM_INVALID_ARGUMENT);
  EXPECT_STREQ(fake.error.message, "the prompt is empty; give some text");
}

TEST(Generate, CallbackStopsTheText) {
  FakeSession fake(picollm_counting_model());
  std::string text;
  picollm_generate_result result = {};
  ASSERT_EQ(picollm_generate(
                fake.session, "a", 1, nullptr,
                [](const char *part, size_t length, void *user) {
                  auto &text = *static_cast<std::string *>(user);
                  text.append(part, length);
                  return int(text.size() == 3);
                },
                &text, &result, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(text, "bcd");
  EXPECT_EQ(result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(result.completion_tokens, 3);
}

TEST(Generate, CallbackStopsALongPrompt) {
  FakeSession fake(picollm_counting_model());
  const std::string prompt(200, 'a');
  int calls = 0;
  picollm_generate_result result = {};
  ASSERT_EQ(picollm_generate(
                fake.session, prompt.data(), prompt.size(), nullptr,
                [](const char *, size_t length, void *user) {
                  EXPECT_EQ(length, 0u);
                  return int(++*static_cast<int *>(user) == 2);
                },
                &calls, &result, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(result.completion_tokens, 0);
  EXPECT_LT(picollm_session_position(fake.session), 200);
}

TEST(Generate, StopStringsEndTheText) {
  FakeSession fake(picollm_counting_model());
  const char *const stop[] = {"never", "fgh"};
  picollm_generate_options options = maxTokens(20);
  options.stop = stop;
  options.stop_count = 2;
  EXPECT_EQ(fake.generate("a", options), "bcde");
  EXPECT_EQ(fake.result.end, PICOLLM_END_STOP_STRING);
}

TEST(Generate, TheStopStringIsNamedAndMayBeKept) {
  FakeSession fake(picollm_counting_model());
  const char *const stop[] = {"never", "fgh", "zzz"};
  picollm_generate_options options = maxTokens(20);
  options.stop = stop;
  options.stop_count = 3;
  options.keep_stop = 1;
  EXPECT_EQ(fake.generate("a", options), "bcdefgh");
  EXPECT_EQ(fake.result.end, PICOLLM_END_STOP_STRING);
  EXPECT_EQ(fake.result.stop_index, 1);
  EXPECT_EQ(fake.result.completion_tokens, 7);
  EXPECT_EQ(fake.tokens(), bytesOf("abcdefgh"));
  EXPECT_EQ(fake.generate("", maxTokens(2)), "ij");
  EXPECT_EQ(fake.result.stop_index, -1);
}

TEST(Generate, PenaltiesKeepTokensFromComingAgain) {
  const std::string prompt = "again and again";
  auto distinct = [&](double presence, double frequency) {
    FakeSession fake(picollm_fake_model());
    picollm_generate_options options = maxTokens(200);
    options.presence_penalty = presence;
    options.frequency_penalty = frequency;
    fake.generate(prompt, options);
    const std::vector<int32_t> all = fake.tokens();
    const std::set<int32_t> different(
        all.begin() + std::ptrdiff_t(prompt.size()), all.end());
    return std::make_pair(different.size(), all.size() - prompt.size());
  };
  const auto [free, freeCount] = distinct(0, 0);
  EXPECT_LT(free, freeCount);
  for (auto [presence, frequency] : {std::pair(100.0, 0.0), {0.0, 100.0}}) {
    const auto [different, count] = distinct(presence, frequency);
    EXPECT_EQ(different, count);
  }
}

TEST(Generate, PenaltiesDoNotCountThePrompt) {
  FakeSession fake(picollm_counting_model());
  picollm_generate_options options = maxTokens(3);
  options.presence_penalty = 100;
  EXPECT_EQ(fake.generate("bcda", options), "bcd");
}

TEST(Generate, EveryTokenIsAnnouncedBeforeItsText) {
  struct Seen {
    std::string events;
    std::vector<int32_t> tokens;
    float most = 0, least = 0;
  } seen;
  FakeSession fake(picollm_counting_model());
  picollm_generate_options options = {};
  options.top_choices = 2;
  options.on_token_user = &seen;
  options.on_token = [](const picollm_token_result *token, void *user) {
    auto &seen = *static_cast<Seen *>(user);
    seen.events += 't';
    seen.tokens.push_back(token->chosen.token);
    EXPECT_EQ(token->top_count, 2u);
    EXPECT_EQ(token->top[0].token, token->chosen.token);
    EXPECT_EQ(token->top[1].token, 0); // of the others, the lowest
    seen.most = token->chosen.log_probability;
    seen.least = token->top[1].log_probability;
    return 0;
  };
  ASSERT_EQ(picollm_generate(
                fake.session, "\xfe", 1, &options,
                [](const char *, size_t, void *user) {
                  static_cast<Seen *>(user)->events += 's';
                  return 0;
                },
                &seen, &fake.result, nullptr),
            PICOLLM_OK);
  // The prompt; the byte ff, which is not UTF-8; begin; end; what is left.
  EXPECT_EQ(seen.events, "ststst");
  EXPECT_EQ(seen.tokens,
            (std::vector<int32_t>{0xff, FAKE_BEGIN_TOKEN, FAKE_END_TOKEN}));
  // One logit of 10, 257 of 0.
  const double sum = std::exp(10.0) + 257;
  EXPECT_FLOAT_EQ(seen.most, float(10 - std::log(sum)));
  EXPECT_FLOAT_EQ(seen.least, float(-std::log(sum)));
}

TEST(Generate, ProbabilitiesAreThoseOfTheModelWhateverIsChosen) {
  FakeSession reference(picollm_fake_model());
  reference.generate("probable", maxTokens(1));
  picollm_session_truncate(reference.session, 7, nullptr);
  const std::vector<float> logits = reference.logitsOf('e');
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit));

  struct Seen {
    const std::vector<float> &logits;
    double sum;
  } seen = {logits, sum};
  picollm_generate_options options = maxTokens(1);
  options.temperature = 5;
  options.top_k = 200;
  options.top_choices = PICOLLM_MAX_TOP_CHOICES;
  options.on_token_user = &seen;
  options.on_token = [](const picollm_token_result *token, void *user) {
    const Seen &seen = *static_cast<Seen *>(user);
    const auto expected = [&](int32_t t) {
      return float(
          std::log(std::exp(double(seen.logits[size_t(t)])) / seen.sum));
    };
    EXPECT_FLOAT_EQ(token->chosen.log_probability,
                    expected(token->chosen.token));
    EXPECT_EQ(token->top_count, size_t(PICOLLM_MAX_TOP_CHOICES));
    for (size_t i = 0; i < token->top_count; ++i)
      EXPECT_FLOAT_EQ(token->top[i].log_probability,
                      expected(token->top[i].token));
    return 0;
  };
  for (uint64_t seed = 0; seed < 5; ++seed) {
    FakeSession fake(picollm_fake_model());
    options.seed = seed;
    fake.generate("probable", options);
    EXPECT_EQ(fake.status, PICOLLM_OK);
  }
}

TEST(Generate, TokenCallbackEndsTheText) {
  FakeSession fake(picollm_counting_model());
  int calls = 0;
  picollm_generate_options options = {};
  options.on_token_user = &calls;
  options.on_token = [](const picollm_token_result *token, void *user) {
    EXPECT_EQ(token->top, nullptr);
    EXPECT_EQ(token->top_count, 0u);
    return int(++*static_cast<int *>(user) == 3);
  };
  EXPECT_EQ(fake.generate("a", options), "bc");
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(fake.result.completion_tokens, 3);
  EXPECT_EQ(fake.tokens(), bytesOf("abcd"));
}

TEST(Generate, AsManyTokensAsCanBeIsNoLimit) {
  FakeSession fake(picollm_counting_model());
  fake.generate("\xf0", maxTokens(INT64_MAX));
  EXPECT_EQ(fake.result.end, PICOLLM_END_OF_TEXT);
  EXPECT_EQ(fake.result.completion_tokens, 16);
}

TEST(Generate, OptionsOutsideTheirRange) {
  FakeSession fake(picollm_counting_model());
  auto messageOf = [&](auto change) {
    picollm_generate_options options = {};
    change(options);
    fake.generate("a", options);
    EXPECT_EQ(fake.status, PICOLLM_INVALID_ARGUMENT);
    return std::string(fake.error.message).substr(0, 8);
  };
  using Options = picollm_generate_options;
  EXPECT_EQ(messageOf([](Options &o) { o.temperature = -1; }), "temperat");
  EXPECT_EQ(messageOf([](Options &o) { o.temperature = std::nan(""); }),
            "temperat");
  EXPECT_EQ(messageOf([](Options &o) { o.temperature = HUGE_VAL; }),
            "temperat");
  EXPECT_EQ(messageOf([](Options &o) { o.top_p = 1.5; }), "top_p: m");
  EXPECT_EQ(messageOf([](Options &o) { o.top_p = -0.1; }), "top_p: m");
  EXPECT_EQ(messageOf([](Options &o) { o.max_tokens = -1; }), "max_toke");
  EXPECT_EQ(messageOf([](Options &o) { o.top_k = -1; }), "top_k: m");
  EXPECT_EQ(messageOf([](Options &o) { o.stop_count = 1; }), "stop: mu");
  EXPECT_EQ(messageOf([](Options &o) { o.stop_count = ~size_t(0); }),
            "stop_cou");
  EXPECT_EQ(messageOf([](Options &o) { o.presence_penalty = std::nan(""); }),
            "presence");
  EXPECT_EQ(messageOf([](Options &o) { o.frequency_penalty = HUGE_VAL; }),
            "frequenc");
  EXPECT_EQ(messageOf([](Options &o) { o.top_choices = -1; }), "top_choi");
  EXPECT_EQ(messageOf([](Options &o) {
              o.top_choices = PICOLLM_MAX_TOP_CHOICES + 1;
            }),
            "top_choi");
  const char *const empty[] = {""};
  EXPECT_EQ(messageOf([&](Options &o) { o.stop = empty, o.stop_count = 1; }),
            "stop: st");
}

TEST(Generate, WorksFromC) {
  const std::string folder = fakeModelFolder();
  char text[256] = "";
  EXPECT_EQ(helloFromC(folder.c_str(), "hello", text), 0);
  FakeSession fake(picollm_fake_model(), 1, 0, true);
  EXPECT_EQ(fake.generate("hello", maxTokens(8)), text);
  EXPECT_NE(std::string(text), "");
}

TEST(Strings, EveryStatusAndEndHasOne) {
  for (int status = PICOLLM_OK; status <= PICOLLM_BUSY; ++status)
    EXPECT_STRNE(picollm_status_string(status), "unknown status");
  EXPECT_STREQ(picollm_status_string(99), "unknown status");
  for (int end = PICOLLM_END_OF_TEXT; end <= PICOLLM_END_INTERRUPTED; ++end)
    EXPECT_STRNE(picollm_end_string(end), "unknown end");
  EXPECT_STREQ(picollm_end_string(99), "unknown end");
  EXPECT_STRNE(picollm_version(), "");
}
