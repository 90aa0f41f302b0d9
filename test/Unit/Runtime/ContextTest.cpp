// What is in the context of a session: kept, dropped, used again.
#include "FakeSession.h"

using namespace picollm::test;

static picollm_generate_options fromStart(int64_t count) {
  picollm_generate_options options = maxTokens(count);
  options.from_start = 1;
  return options;
}

/// Parts in which a prompt of so many tokens was run.
static int partsOf(FakeSession &fake, const std::string &prompt) {
  int parts = 0;
  picollm_generate_options options = fromStart(1);
  options.on_token = [](const picollm_token_result *, void *) { return 1; };
  EXPECT_EQ(picollm_generate(
                fake.session, prompt.data(), prompt.size(), &options,
                [](const char *, size_t, void *count) {
                  ++*static_cast<int *>(count);
                  return 0;
                },
                &parts, &fake.result, nullptr),
            PICOLLM_OK);
  return parts;
}

TEST(Context, PromptsFromTheStartShareTheirPrefix) {
  const std::string story(150, 's');
  struct Case {
    std::string next;
    int64_t reused;
  };
  for (const Case &c :
       {Case{story + "!", 150}, Case{story, 149},
        Case{story.substr(0, 100), 99}, Case{story.substr(0, 70) + "other", 70},
        Case{"other", 0}, Case{"s", 0}}) {
    FakeSession fake(picollm_fake_model());
    fake.generate(story, fromStart(1));
    EXPECT_EQ(fake.result.reused_tokens, 0);
    // Whatever is reused, the text is that of a new session.
    const std::string text = fake.generate(c.next, fromStart(9));
    EXPECT_EQ(fake.result.prompt_tokens, int64_t(c.next.size())) << c.next;
    EXPECT_EQ(fake.result.reused_tokens, c.reused) << c.next;
    FakeSession fresh(picollm_fake_model());
    EXPECT_EQ(text, fresh.generate(c.next, maxTokens(9))) << c.next;
    EXPECT_EQ(fake.tokens(), fresh.tokens());
    EXPECT_EQ(fake.logitsOf(5), fresh.logitsOf(5)) << c.next;
  }
}

TEST(Context, GeneratedTokensAreReusedToo) {
  FakeSession fake(picollm_counting_model());
  EXPECT_EQ(fake.generate("abc", fromStart(4)), "defg");
  // The g was generated last and has not been run.
  EXPECT_EQ(fake.generate("abcdefgX", fromStart(1)), "Y");
  EXPECT_EQ(fake.result.reused_tokens, 6);
  EXPECT_EQ(fake.generate("abcdefgX", fromStart(1)), "Y");
  EXPECT_EQ(fake.result.reused_tokens, 7);
}

TEST(Context, WhatIsReusedIsNotRun) {
  FakeSession fake(picollm_fake_model());
  const std::string prompt(200, 'p');
  EXPECT_EQ(partsOf(fake, prompt), 4);
  EXPECT_EQ(partsOf(fake, prompt), 1);
  EXPECT_EQ(partsOf(fake, prompt + std::string(30, 'q')), 1);
  EXPECT_EQ(partsOf(fake, "q" + prompt), 4);
}

TEST(Context, FromTheStartTheBeginTokenComesAgain) {
  FakeSession fake(picollm_counting_model(), 1, 0, true);
  fake.generate("a", fromStart(1));
  EXPECT_EQ(fake.result.prompt_tokens, 2);
  fake.generate("a", fromStart(1));
  EXPECT_EQ(fake.result.prompt_tokens, 2);
  EXPECT_EQ(fake.result.reused_tokens, 1);
}

TEST(Context, FromTheStartAPromptMayTakeAllOfIt) {
  FakeSession fake(picollm_counting_model(), 1, 8);
  fake.generate("abcde", maxTokens(2));
  EXPECT_EQ(fake.generate("abcdefgh", fromStart(0)), "i");
  EXPECT_EQ(fake.result.end, PICOLLM_END_CONTEXT_FULL);
  const std::vector<int32_t> before = fake.tokens();
  EXPECT_EQ(fake.generate("abcdefghi", fromStart(0)), "");
  EXPECT_EQ(fake.status, PICOLLM_CONTEXT_FULL);
  EXPECT_EQ(fake.tokens(), before);
  EXPECT_EQ(fake.generate("", fromStart(0)), "");
  EXPECT_EQ(fake.status, PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(fake.tokens(), before);
}

// The token after the last position is known, but has no place.
TEST(Context, EndIsExactForEveryLengthOfThePrompt) {
  const std::string letters = "abcdefghijklmnop";
  for (size_t length = 1; length <= 8; ++length) {
    FakeSession fake(picollm_counting_model(), 1, 8);
    EXPECT_EQ(fake.generate(letters.substr(0, length)),
              letters.substr(length, 9 - length));
    EXPECT_EQ(fake.result.end, PICOLLM_END_CONTEXT_FULL);
    EXPECT_EQ(fake.result.completion_tokens, int64_t(9 - length));
    EXPECT_EQ(fake.tokens(), bytesOf("abcdefgh"));
    // Reached at once with the limit, the limit is the reason.
    FakeSession limited(picollm_counting_model(), 1, 8);
    limited.generate(letters.substr(0, length), maxTokens(int64_t(9 - length)));
    EXPECT_EQ(limited.result.end, PICOLLM_END_TOKEN_LIMIT);
  }
}

TEST(Context, AnEmptyPromptContinuesTokensThatWereGiven) {
  FakeSession whole(picollm_fake_model());
  const std::string expected = whole.generate("given", maxTokens(12));
  FakeSession fake(picollm_fake_model());
  const std::vector<int32_t> tokens = bytesOf("given");
  picollm_forward(fake.session, tokens.data(), tokens.size(), tokens.size(),
                  nullptr, nullptr);
  EXPECT_EQ(fake.generate("", maxTokens(12)), expected);
  EXPECT_EQ(fake.result.prompt_tokens, 0);
  EXPECT_EQ(fake.tokens(), whole.tokens());
}

TEST(Context, TruncateDropsTokensAndWhatTheyLeft) {
  FakeSession fake(picollm_fake_model());
  fake.generate("truncate", maxTokens(6));
  const std::vector<int32_t> all = fake.tokens();
  ASSERT_EQ(all.size(), 14u);
  for (int64_t position : {14, 13, 8, 3}) {
    ASSERT_EQ(picollm_session_truncate(fake.session, position, nullptr),
              PICOLLM_OK);
    EXPECT_EQ(picollm_session_position(fake.session), position);
    EXPECT_EQ(fake.tokens(),
              std::vector<int32_t>(all.begin(), all.begin() + position));
  }
  FakeSession fresh(picollm_fake_model());
  picollm_forward(fresh.session, bytesOf("tru").data(), 3, 3, nullptr, nullptr);
  EXPECT_EQ(fake.logitsOf(1), fresh.logitsOf(1));
  picollm_session_truncate(fake.session, 0, nullptr);
  EXPECT_EQ(fake.tokens(), std::vector<int32_t>());
}

TEST(Context, TruncateRefusesPositionsThatAreNotThere) {
  FakeSession fake(picollm_fake_model());
  fake.generate("abc", maxTokens(1));
  for (int64_t position : {int64_t(-1), int64_t(5), INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(picollm_session_truncate(fake.session, position, &fake.error),
              PICOLLM_INVALID_ARGUMENT);
    EXPECT_EQ(std::string(fake.error.message),
              "position: must be between 0 and the 4 tokens of the context, "
              "not " +
                  std::to_string(position));
  }
  EXPECT_EQ(picollm_session_position(fake.session), 4);
}

TEST(Context, TokensAreWrittenAsFarAsThereIsRoom) {
  FakeSession fake(picollm_fake_model());
  EXPECT_EQ(picollm_session_tokens(fake.session, nullptr, 0), 0u);
  fake.generate("abc", maxTokens(1));
  int32_t tokens[] = {-7, -7, -7};
  EXPECT_EQ(picollm_session_tokens(fake.session, tokens, 2), 4u);
  EXPECT_EQ(tokens[0], 'a');
  EXPECT_EQ(tokens[1], 'b');
  EXPECT_EQ(tokens[2], -7);
}
