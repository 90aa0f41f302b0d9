#include "FakeSession.h"

#include <cstring>
#include <numeric>
#include <thread>

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
