// The C API called from many threads at once, as far as its header allows.
// Run under ThreadSanitizer, these tests also show that nothing races.
#include "FakeSession.h"

#include <atomic>
#include <thread>

using namespace picollm::test;

namespace {

constexpr int callers = 6;

template <typename Action> void onManyThreads(Action action) {
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller)
    threads.emplace_back([=] { action(caller); });
  for (std::thread &thread : threads)
    thread.join();
}

std::string textOf(const picollm_model *model, int32_t threads, int caller) {
  const picollm_session_options options = {0, threads};
  picollm_session *session = nullptr;
  picollm_error error;
  if (picollm_session_create(model, &options, &session, &error))
    return error.message;
  const std::string prompt = "caller " + std::to_string(caller);
  picollm_generate_options wanted = maxTokens(20);
  wanted.temperature = 1;
  wanted.seed = uint64_t(caller);
  std::string text;
  if (picollm_generate(
          session, prompt.data(), prompt.size(), &wanted,
          [](const char *part, size_t length, void *user) {
            static_cast<std::string *>(user)->append(part, length);
            return 0;
          },
          &text, nullptr, &error))
    text = error.message;
  picollm_session_free(session);
  return text;
}

TEST(ManyThreads, SessionsOfOneModelDoNotDisturbEachOther) {
  FakeSession fake(picollm_fake_model());
  std::vector<std::string> alone(callers), together(callers);
  for (int caller = 0; caller < callers; ++caller)
    alone[caller] = textOf(fake.model, 1, caller);
  onManyThreads([&](int caller) {
    together[caller] = textOf(fake.model, 1 + caller % 3, caller);
  });
  EXPECT_EQ(together, alone);
}

TEST(ManyThreads, OneModelIsAskedByAll) {
  FakeSession fake(picollm_fake_model());
  std::atomic<int> wrong{0};
  onManyThreads([&](int) {
    for (int round = 0; round < 50; ++round) {
      int32_t tokens[8] = {};
      size_t count = 0;
      wrong += picollm_tokenize(fake.model, "text", 4, 0, 0, tokens, 8, &count,
                                nullptr) != PICOLLM_OK ||
               count != 4 || tokens[3] != 't';
      const char *bytes = nullptr;
      size_t length = 0;
      wrong += picollm_token_bytes(fake.model, 't', &bytes, &length, nullptr) !=
                   PICOLLM_OK ||
               length != 1 || *bytes != 't';
      wrong += picollm_model_verify(fake.model, nullptr) != PICOLLM_OK;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(ManyThreads, OneSessionServesOneCallAtATimeAndRefusesTheOthers) {
  FakeSession fake(picollm_counting_model(), 2);
  std::atomic<int> done{0}, busy{0}, other{0};
  onManyThreads([&](int caller) {
    for (int round = 0; round < 20; ++round) {
      const int32_t token = 'a';
      const picollm_status status =
          caller % 2
              ? picollm_forward(fake.session, &token, 1, 1, nullptr, nullptr)
              : picollm_session_truncate(fake.session, 0, nullptr);
      done += status == PICOLLM_OK;
      busy += status == PICOLLM_BUSY;
      other += status != PICOLLM_OK && status != PICOLLM_BUSY;
    }
  });
  EXPECT_GT(done, 0);
  EXPECT_EQ(other, 0);
  EXPECT_EQ(done + busy, callers * 20);
  EXPECT_EQ(picollm_session_truncate(fake.session, 0, nullptr), PICOLLM_OK);
}

TEST(ManyThreads, InterruptsMayComeFromAllAtAnyTime) {
  FakeSession fake(picollm_counting_model(), 2);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller)
    threads.emplace_back([&] {
      while (!over)
        picollm_session_interrupt(fake.session);
    });
  for (int round = 0; round < 20; ++round) {
    picollm_session_reset(fake.session);
    fake.generate("abc", maxTokens(100));
    EXPECT_EQ(fake.status, PICOLLM_OK);
    EXPECT_TRUE(fake.result.end == PICOLLM_END_INTERRUPTED ||
                fake.result.end == PICOLLM_END_TOKEN_LIMIT)
        << picollm_end_string(fake.result.end);
  }
  over = true;
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
