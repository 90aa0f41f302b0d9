#include "FakeSession.h"
#include "HelloFromC.h"

#include <cmath>

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
  EXPECT_EQ(messageOf([](Options &o) { o.temperature = std::nan(""); }), "temperat");
  EXPECT_EQ(messageOf([](Options &o) { o.temperature = HUGE_VAL; }), "temperat");
  EXPECT_EQ(messageOf([](Options &o) { o.top_p = 1.5; }), "top_p: m");
  EXPECT_EQ(messageOf([](Options &o) { o.top_p = -0.1; }), "top_p: m");
  EXPECT_EQ(messageOf([](Options &o) { o.max_tokens = -1; }), "max_toke");
  EXPECT_EQ(messageOf([](Options &o) { o.top_k = -1; }), "top_k: m");
  EXPECT_EQ(messageOf([](Options &o) { o.stop_count = 1; }), "stop: mu");
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
  for (int status = PICOLLM_OK; status <= PICOLLM_SYSTEM_ERROR; ++status)
    EXPECT_STRNE(picollm_status_string(status), "unknown status");
  EXPECT_STREQ(picollm_status_string(99), "unknown status");
  for (int end = PICOLLM_END_OF_TEXT; end <= PICOLLM_END_INTERRUPTED; ++end)
    EXPECT_STRNE(picollm_end_string(end), "unknown end");
  EXPECT_STREQ(picollm_end_string(99), "unknown end");
  EXPECT_STRNE(picollm_version(), "");
}
