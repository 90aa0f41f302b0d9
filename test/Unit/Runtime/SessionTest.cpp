#include "FakeSession.h"

#include <cstring>
#include <numeric>
#include <thread>
#include <tuple>

using namespace picollm::test;

static std::vector<int32_t> someTokens(size_t count) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i)
    tokens[i] = int32_t(i * i * 31 % FAKE_VOCABULARY);
  return tokens;
}

/// Logits of tokens[from..), appended to the session in parts.
static std::vector<float> forward(picollm_session *session,
                                  const std::vector<int32_t> &tokens,
                                  size_t from, size_t part) {
  std::vector<float> logits((tokens.size() - from) * FAKE_VOCABULARY, -99.0f);
  for (size_t begin = 0; begin < tokens.size(); begin += part) {
    const size_t count = std::min(part, tokens.size() - begin);
    const size_t partFrom = from <= begin ? 0 : std::min(from - begin, count);
    float *out =
        logits.data() + (from <= begin ? begin - from : 0) * FAKE_VOCABULARY;
    picollm_error error = {};
    EXPECT_EQ(picollm_forward(session, tokens.data() + begin, count, partFrom,
                              partFrom == count ? nullptr : out, &error),
              PICOLLM_OK)
        << error.message;
  }
  return logits;
}

TEST(Session, LogitsAreThoseOfTheirTokens) {
  // One thread, one token at a time, is the reference.
  const std::vector<int32_t> tokens = someTokens(150);
  FakeSession reference(picollm_fake_model());
  const std::vector<float> expected = forward(reference.session, tokens, 0, 1);
  for (int32_t threads : {1, 2, 3})
    for (size_t part : {7, 64, 65, 150})
      for (size_t from : {0, 1, 63, 64, 149}) {
        FakeSession fake(picollm_fake_model(), threads);
        const std::vector<float> logits =
            forward(fake.session, tokens, from, part);
        EXPECT_EQ(std::memcmp(logits.data(),
                              expected.data() + from * FAKE_VOCABULARY,
                              logits.size() * sizeof(float)),
                  0)
            << threads << " threads, parts of " << part << ", from " << from;
        EXPECT_EQ(picollm_session_position(fake.session), 150);
      }
}

TEST(Session, ResetStartsAgain) {
  const std::vector<int32_t> tokens = someTokens(20);
  FakeSession fake(picollm_fake_model(), 2);
  const std::vector<float> first = forward(fake.session, tokens, 0, 20);
  const std::vector<float> second = forward(fake.session, tokens, 0, 20);
  EXPECT_NE(first, second); // the context counts
  picollm_session_reset(fake.session);
  EXPECT_EQ(picollm_session_position(fake.session), 0);
  EXPECT_EQ(forward(fake.session, tokens, 0, 20), first);
}

TEST(Session, ContextEndIsExact) {
  FakeSession fake(picollm_fake_model(), 1, 10);
  EXPECT_EQ(picollm_session_context(fake.session), 10);
  const std::vector<int32_t> tokens = someTokens(11);
  picollm_error error = {};
  EXPECT_EQ(
      picollm_forward(fake.session, tokens.data(), 11, 11, nullptr, &error),
      PICOLLM_CONTEXT_FULL);
  EXPECT_STREQ(error.message,
               "11 tokens do not fit the context: 10 of its 10 positions are "
               "free; reset the session or create one with a longer context");
  EXPECT_EQ(picollm_session_position(fake.session), 0);
  EXPECT_EQ(
      picollm_forward(fake.session, tokens.data(), 10, 10, nullptr, &error),
      PICOLLM_OK);
  EXPECT_EQ(picollm_forward(fake.session, tokens.data(), 1, 1, nullptr, &error),
            PICOLLM_CONTEXT_FULL);
}

TEST(Session, WrongArgumentsChangeNothing) {
  FakeSession fake(picollm_fake_model());
  picollm_error error = {};
  float logits[FAKE_VOCABULARY];
  for (int32_t bad : {-1, FAKE_VOCABULARY, INT32_MAX}) {
    const int32_t tokens[] = {1, bad};
    EXPECT_EQ(picollm_forward(fake.session, tokens, 2, 1, logits, &error),
              PICOLLM_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("token 1: must be between 0"),
              std::string::npos)
        << error.message;
  }
  const int32_t tokens[] = {1, 2};
  EXPECT_EQ(picollm_forward(fake.session, tokens, 2, 3, logits, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_forward(fake.session, tokens, 2, 1, nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_forward(fake.session, nullptr, 2, 2, nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_forward(nullptr, tokens, 2, 1, logits, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_session_position(fake.session), 0);
}

TEST(Session, OptionsOutsideTheirRange) {
  FakeSession fake(picollm_fake_model());
  for (picollm_session_options options : {picollm_session_options{-1, 1},
                                          {FAKE_CONTEXT + 1, 1},
                                          {0, -1},
                                          {0, 257}}) {
    picollm_error error = {};
    picollm_session *session = nullptr;
    EXPECT_EQ(picollm_session_create(fake.model, &options, &session, &error),
              PICOLLM_INVALID_ARGUMENT);
    EXPECT_EQ(session, nullptr);
    EXPECT_NE(std::string(error.message).find("must be between 1 and"),
              std::string::npos);
  }
}

TEST(Session, DefaultsAreTheModelsContextAndAtLeastOneThread) {
  FakeSession fake(picollm_fake_model());
  picollm_session *session = nullptr;
  ASSERT_EQ(picollm_session_create(fake.model, nullptr, &session, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(picollm_session_context(session), FAKE_CONTEXT);
  EXPECT_GE(picollm_session_threads(session), 1);
  picollm_session_free(session);
}

TEST(Session, MemoryThatIsNotThereIsReported) {
  FakeSession fake(picollm_fake_model());
  picollm_compiled_model compiled = *picollm_fake_model();
  // So much that even allocators that abort on large requests are not asked.
  compiled.kv_bytes = [](int64_t) { return ~uint64_t(0) - 8; };
  picollm_model *model = nullptr;
  ASSERT_EQ(picollm_model_from_compiled(&compiled, fake.weights.data(),
                                        fake.weights.size() * sizeof(CacheLine),
                                        nullptr, 0, nullptr, &model, nullptr),
            PICOLLM_OK);
  picollm_error error = {};
  picollm_session *session = nullptr;
  EXPECT_EQ(picollm_session_create(model, nullptr, &session, &error),
            PICOLLM_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "not enough memory");
  picollm_model_free(model);
}

TEST(Session, SeveralOfOneModelRunAtOnce) {
  FakeSession reference(picollm_fake_model(), 1);
  const std::string expected = reference.generate("one model", maxTokens(60));
  FakeSession fake(picollm_fake_model(), 1);
  std::vector<std::string> texts(4);
  std::vector<std::thread> callers;
  for (size_t i = 0; i < texts.size(); ++i)
    callers.emplace_back([&, i] {
      const picollm_session_options options = {0, int32_t(1 + i % 3)};
      const picollm_generate_options generate = maxTokens(60);
      picollm_session *session = nullptr;
      picollm_session_create(fake.model, &options, &session, nullptr);
      picollm_generate(
          session, "one model", 9, &generate,
          [](const char *part, size_t length, void *user) {
            static_cast<std::string *>(user)->append(part, length);
            return 0;
          },
          &texts[i], nullptr, nullptr);
      picollm_session_free(session);
    });
  for (std::thread &caller : callers)
    caller.join();
  for (const std::string &text : texts)
    EXPECT_EQ(text, expected);
}

namespace {

/// Sessions of one model, session i with i tokens and a number of threads of
/// its own; session `generated`, if there, has a token that was not run yet.
class Sessions {
public:
  explicit Sessions(const picollm_model *model, size_t count,
                    size_t generated = SIZE_MAX) {
    for (size_t i = 0; i < count; ++i) {
      const picollm_session_options options = {int64_t(i + 1),
                                               int32_t(1 + (i + 1) % 3)};
      picollm_session *session = nullptr;
      EXPECT_EQ(picollm_session_create(model, &options, &session, nullptr),
                PICOLLM_OK);
      const std::vector<int32_t> tokens = someTokens(i);
      const picollm_generate_options one = maxTokens(1);
      if (i == generated)
        picollm_generate(session, "some text", i - 1, &one, nullptr, nullptr,
                         nullptr, nullptr);
      else
        picollm_forward(session, tokens.data(), i, i, nullptr, nullptr);
      EXPECT_EQ(picollm_session_position(session), int64_t(i));
      all.push_back(session);
    }
  }
  Sessions(const Sessions &) = delete;
  ~Sessions() {
    for (picollm_session *session : all)
      picollm_session_free(session);
  }

  std::vector<picollm_session *> all;
};

} // namespace

TEST(Session, ManyStepTogetherAsEachAlone) {
  // More than one step takes.
  constexpr size_t count = 150;
  FakeSession fake(picollm_fake_model());
  Sessions alone(fake.model, count, 6), together(fake.model, count, 6);
  const std::vector<int32_t> tokens = someTokens(count);
  std::vector<float> logits(count * FAKE_VOCABULARY, -99.0f);
  picollm_error error = {};
  ASSERT_EQ(picollm_forward_sessions(together.all.data(), tokens.data(), count,
                                     logits.data(), &error),
            PICOLLM_OK)
      << error.message;
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> expected(FAKE_VOCABULARY);
    ASSERT_EQ(picollm_forward(alone.all[i], &tokens[i], 1, 0, expected.data(),
                              nullptr),
              PICOLLM_OK);
    EXPECT_EQ(std::memcmp(logits.data() + i * FAKE_VOCABULARY, expected.data(),
                          sizeof(float) * FAKE_VOCABULARY),
              0)
        << "session " << i;
    EXPECT_EQ(picollm_session_position(together.all[i]), int64_t(i + 1));
  }
}

TEST(Session, StepsTogetherWithoutLogitsFillTheContexts) {
  FakeSession fake(picollm_fake_model());
  Sessions sessions(fake.model, 5), same(fake.model, 5);
  const std::vector<int32_t> tokens = someTokens(5);
  std::vector<float> logits(5 * FAKE_VOCABULARY);
  EXPECT_EQ(picollm_forward_sessions(sessions.all.data(), tokens.data(), 4,
                                     nullptr, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(picollm_forward_sessions(nullptr, nullptr, 0, nullptr, nullptr),
            PICOLLM_OK);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(picollm_session_position(sessions.all[i]),
              int64_t(i < 4 ? i + 1 : i));
  // The other end of the contexts is the same as after logits.
  picollm_forward_sessions(same.all.data(), tokens.data(), 4, logits.data(),
                           nullptr);
  for (size_t i = 1; i < 4; ++i) {
    picollm_session_truncate(sessions.all[i], int64_t(i), nullptr);
    picollm_session_truncate(same.all[i], int64_t(i), nullptr);
    EXPECT_EQ(forward(sessions.all[i], {7}, 0, 1),
              forward(same.all[i], {7}, 0, 1));
  }
}

TEST(Session, AWrongBatchOfSessionsChangesNothing) {
  FakeSession fake(picollm_fake_model()), other(picollm_fake_model());
  Sessions sessions(fake.model, 3);
  std::vector<float> logits(4 * FAKE_VOCABULARY);
  picollm_error error = {};
  const auto give = [&](std::vector<picollm_session *> all,
                        std::vector<int32_t> tokens) {
    return picollm_forward_sessions(all.data(), tokens.data(), all.size(),
                                    logits.data(), &error);
  };
  const auto [a, b, c] =
      std::tuple(sessions.all[0], sessions.all[1], sessions.all[2]);
  EXPECT_EQ(give({a, b, a}, {1, 2, 3}), PICOLLM_BUSY);
  EXPECT_STREQ(error.message, "session 2 is busy: another call works in it, or "
                              "it is given twice");
  EXPECT_EQ(give({a, nullptr}, {1, 2}), PICOLLM_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "session 1: must not be null");
  EXPECT_EQ(give({a, other.session}, {1, 2}), PICOLLM_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message,
               "session 1: must be of the same model as session 0");
  EXPECT_EQ(give({a, b, c}, {1, 2, FAKE_VOCABULARY}), PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_forward_sessions(nullptr, nullptr, 1, nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  ASSERT_EQ(give({b}, {1}), PICOLLM_OK);
  EXPECT_EQ(give({a, b}, {1, 2}), PICOLLM_CONTEXT_FULL);
  EXPECT_STREQ(error.message,
               "session 1: 1 token does not fit the context: 0 of its 2 "
               "positions are free; reset the session or create one with a "
               "longer context");
  EXPECT_EQ(picollm_session_position(a), 0);
  EXPECT_EQ(picollm_session_position(c), 2);
  EXPECT_EQ(picollm_session_position(other.session), 0);
  // And nothing is left busy.
  EXPECT_EQ(give({c, a}, {1, 2}), PICOLLM_OK);
}

TEST(Session, TextIsTokenizedAndBack) {
  FakeSession fake(picollm_fake_model(), 1, 0, true);
  size_t count = 0;
  ASSERT_EQ(picollm_tokenize(fake.model, "a<|end|>", 8, 1, 1, nullptr, 0,
                             &count, nullptr),
            PICOLLM_OK);
  ASSERT_EQ(count, 3u);
  int32_t tokens[3];
  picollm_tokenize(fake.model, "a<|end|>", 8, 1, 1, tokens, 3, &count, nullptr);
  EXPECT_EQ(tokens[0], FAKE_BEGIN_TOKEN);
  EXPECT_EQ(tokens[1], 'a');
  EXPECT_EQ(tokens[2], FAKE_END_TOKEN);
  picollm_tokenize(fake.model, "a<|end|>", 8, 0, 0, tokens, 3, &count, nullptr);
  EXPECT_EQ(count, 8u); // what has no room is counted, not written
  EXPECT_EQ(tokens[1], '<');
  const char *bytes = nullptr;
  size_t length = 0;
  ASSERT_EQ(picollm_token_bytes(fake.model, 0x80, &bytes, &length, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(std::string(bytes, length), "\x80");
  EXPECT_EQ(picollm_token_bytes(fake.model, 258, &bytes, &length, nullptr),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_TRUE(picollm_token_ends_text(fake.model, FAKE_END_TOKEN));
  EXPECT_FALSE(picollm_token_ends_text(fake.model, 'a'));
  EXPECT_FALSE(picollm_token_ends_text(fake.model, -1));
  EXPECT_EQ(picollm_end_token(fake.model), FAKE_END_TOKEN);
}
