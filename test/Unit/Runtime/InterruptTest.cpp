// Interrupts, and calls while another one works in the session.
#include "FakeSession.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

using namespace picollm::test;

/// Generates and calls `atCall` in the `call`-th callback of the stream, the
/// first being 1.
static std::string generateAnd(FakeSession &fake, const std::string &prompt,
                               int call, std::function<void()> atCall,
                               picollm_generate_options options = {}) {
  struct State {
    int calls, call;
    std::function<void()> &atCall;
    std::string text;
  } state = {0, call, atCall, ""};
  fake.status = picollm_generate(
      fake.session, prompt.data(), prompt.size(), &options,
      [](const char *part, size_t length, void *user) {
        State &state = *static_cast<State *>(user);
        state.text.append(part, length);
        if (++state.calls == state.call)
          state.atCall();
        return 0;
      },
      &state, &fake.result, &fake.error);
  return state.text;
}

/// Has another thread do it, meanwhile this one waits.
static void onAnotherThread(const std::function<void()> &action) {
  std::thread(action).join();
}

TEST(Interrupt, EndsTheTextAfterTheTokenThatIsDelivered) {
  FakeSession fake(picollm_counting_model(), 2);
  EXPECT_EQ(generateAnd(fake, "a", 4, // the prompt, b, c, d
                        [&] {
                          onAnotherThread(
                              [&] { picollm_session_interrupt(fake.session); });
                        }),
            "bcd");
  EXPECT_EQ(fake.status, PICOLLM_OK);
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(fake.result.completion_tokens, 3);
  EXPECT_EQ(fake.tokens(), bytesOf("abcd"));
  // And it goes on as if nothing had happened.
  EXPECT_EQ(fake.generate("", maxTokens(3)), "efg");
  EXPECT_EQ(fake.result.end, PICOLLM_END_TOKEN_LIMIT);
}

TEST(Interrupt, EndsThePromptAfterThePartThatIsRun) {
  FakeSession fake(picollm_fake_model(), 2);
  std::string prompt;
  for (int i = 0; i < 200; ++i)
    prompt += char('a' + i % 26);
  generateAnd(fake, prompt, 2, [&] {
    onAnotherThread([&] { picollm_session_interrupt(fake.session); });
  });
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(fake.result.completion_tokens, 0);
  EXPECT_EQ(fake.tokens(), bytesOf(prompt.substr(0, 128)));
  FakeSession fresh(picollm_fake_model());
  const std::string expected = fresh.generate(prompt, maxTokens(8));
  EXPECT_EQ(fake.generate(prompt.substr(128), maxTokens(8)), expected);
}

TEST(Interrupt, AfterTheLastPartOfThePromptGivesNoToken) {
  FakeSession fake(picollm_counting_model());
  EXPECT_EQ(generateAnd(fake, "ab", 1,
                        [&] { picollm_session_interrupt(fake.session); }),
            "");
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(fake.tokens(), bytesOf("ab"));
  EXPECT_EQ(fake.generate("", maxTokens(1)), "c");
}

TEST(Interrupt, HasNoEffectWhenNothingIsGenerated) {
  FakeSession fake(picollm_counting_model());
  picollm_session_interrupt(fake.session);
  EXPECT_EQ(fake.generate("a", maxTokens(2)), "bc");
  EXPECT_EQ(fake.result.end, PICOLLM_END_TOKEN_LIMIT);
  picollm_session_interrupt(fake.session);
  EXPECT_EQ(fake.generate("", maxTokens(2)), "de");
  EXPECT_EQ(fake.result.end, PICOLLM_END_TOKEN_LIMIT);
  // Nor after one that was refused.
  EXPECT_EQ(fake.generate("a", maxTokens(-1)), "");
  picollm_session_interrupt(fake.session);
  EXPECT_EQ(fake.generate("", maxTokens(1)), "f");
}

TEST(Interrupt, DeliversTextThatWasHeldBack) {
  FakeSession fake(picollm_counting_model());
  const char *const stop[] = {"cdefgh"};
  picollm_generate_options options = {};
  options.stop = stop;
  options.stop_count = 1;
  EXPECT_EQ(generateAnd(
                fake, "a", 5, [&] { picollm_session_interrupt(fake.session); },
                options),
            "bcde");
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
  EXPECT_EQ(fake.result.stop_index, -1);
}

static picollm_session *ofTheHandler;

TEST(Interrupt, MayComeFromASignalHandler) {
  FakeSession fake(picollm_counting_model(), 2);
  ofTheHandler = fake.session;
  auto *const before =
      std::signal(SIGINT, [](int) { picollm_session_interrupt(ofTheHandler); });
  EXPECT_EQ(generateAnd(fake, "a", 3, [] { std::raise(SIGINT); }), "bc");
  std::signal(SIGINT, before);
  EXPECT_EQ(fake.result.end, PICOLLM_END_INTERRUPTED);
}

// Whenever it comes: for the sanitizers, and so that none is left over.
TEST(Interrupt, MayComeAtAnyMoment) {
  FakeSession fake(picollm_fake_model(), 2);
  const std::string expected = fake.generate("at any moment", maxTokens(60));
  std::atomic<bool> done{false};
  std::thread interrupter([&] {
    while (!done) {
      picollm_session_interrupt(fake.session);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 60; ++i) {
    picollm_session_reset(fake.session);
    const std::string text = fake.generate("at any moment", maxTokens(60));
    ASSERT_EQ(fake.status, PICOLLM_OK);
    if (fake.result.end != PICOLLM_END_INTERRUPTED)
      EXPECT_EQ(text, expected);
    else
      EXPECT_LE(fake.result.completion_tokens, 60);
  }
  done = true;
  interrupter.join();
  picollm_session_reset(fake.session);
  EXPECT_EQ(fake.generate("at any moment", maxTokens(60)), expected);
  EXPECT_EQ(fake.result.end, PICOLLM_END_TOKEN_LIMIT);
}

/// What every function says while a generation runs.
static void expectBusy(picollm_session *session, const std::string &path) {
  const int64_t position = picollm_session_position(session);
  const picollm_status busy = PICOLLM_BUSY;
  picollm_error error = {};
  float logits[FAKE_VOCABULARY];
  const int32_t token = 'x';
  EXPECT_EQ(picollm_generate(session, "x", 1, nullptr, nullptr, nullptr,
                             nullptr, &error),
            busy);
  EXPECT_STREQ(error.message, "the session is busy: another call works in it; "
                              "wait for its end or interrupt it");
  EXPECT_EQ(picollm_forward(session, &token, 1, 0, logits, &error), busy);
  EXPECT_EQ(picollm_session_truncate(session, 0, &error), busy);
  EXPECT_EQ(picollm_session_save(session, path.c_str(), &error), busy);
  EXPECT_EQ(picollm_session_load(session, path.c_str(), &error), busy);
  picollm_session_reset(session);
  EXPECT_EQ(picollm_session_position(session), position);
}

TEST(Busy, CallsFromACallbackAreRefused) {
  const std::string path = freshFolder() + "/session";
  FakeSession fake(picollm_counting_model(), 2);
  EXPECT_EQ(
      generateAnd(
          fake, "a", 3, [&] { expectBusy(fake.session, path); }, maxTokens(4)),
      "bcde");
  EXPECT_EQ(fake.status, PICOLLM_OK);
  picollm_generate_options options = maxTokens(2);
  options.on_token_user = fake.session;
  options.on_token = [](const picollm_token_result *, void *user) {
    expectBusy(static_cast<picollm_session *>(user), "session");
    return 0;
  };
  EXPECT_EQ(fake.generate("", options), "fg");
  // Afterwards it is free.
  EXPECT_EQ(fake.generate("", maxTokens(1)), "h");
}

TEST(Busy, CallsFromAnotherThreadAreRefused) {
  const std::string path = freshFolder() + "/session";
  FakeSession fake(picollm_counting_model());
  EXPECT_EQ(
      generateAnd(
          fake, "a", 2,
          [&] { onAnotherThread([&] { expectBusy(fake.session, path); }); },
          maxTokens(3)),
      "bcd");
}

TEST(Busy, AnotherSessionOfTheModelIsNot) {
  FakeSession fake(picollm_counting_model());
  picollm_session *other = nullptr;
  ASSERT_EQ(picollm_session_create(fake.model, nullptr, &other, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(generateAnd(
                fake, "a", 2,
                [&] {
                  const picollm_generate_options one = maxTokens(1);
                  EXPECT_EQ(picollm_generate(other, "x", 1, &one, nullptr,
                                             nullptr, nullptr, nullptr),
                            PICOLLM_OK);
                },
                maxTokens(3)),
            "bcd");
  EXPECT_EQ(picollm_session_position(other), 2);
  picollm_session_free(other);
}
