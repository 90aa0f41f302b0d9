// A session with a fake model that is linked into the test.
#ifndef PICOLLM_TEST_FAKESESSION_H
#define PICOLLM_TEST_FAKESESSION_H

#include "FakeFiles.h"
#include "FakeModel.h"
#include "picollm.h"

#include "gtest/gtest.h"

namespace picollm::test {

class FakeSession {
public:
  FakeSession(const picollm_compiled_model *compiled, int32_t threads = 1,
              int64_t context = 0, bool addBegin = false,
              const ChatFormat &chat = {})
      : weights(fakeWeights()), tokenizer(fakeTokenizer(addBegin, chat)) {
    picollm_error error = {};
    EXPECT_EQ(picollm_model_from_compiled(
                  compiled, weights.data(), weights.size() * sizeof(CacheLine),
                  tokenizer.data(), tokenizer.size(), nullptr, &model, &error),
              PICOLLM_OK)
        << error.message;
    const picollm_session_options options = {context, threads};
    EXPECT_EQ(picollm_session_create(model, &options, &session, &error),
              PICOLLM_OK)
        << error.message;
  }
  FakeSession(const FakeSession &) = delete;
  ~FakeSession() {
    picollm_session_free(session);
    picollm_model_free(model);
  }

  /// Generates; the text is returned, the rest is in result and error.
  std::string generate(const std::string &prompt,
                       const picollm_generate_options &options = {}) {
    std::string text;
    error = {};
    status = picollm_generate(
        session, prompt.data(), prompt.size(), &options,
        [](const char *part, size_t length, void *user) {
          static_cast<std::string *>(user)->append(part, length);
          return 0;
        },
        &text, &result, &error);
    return text;
  }

  /// Of one more token, which is appended to the context: they depend on all
  /// of it.
  std::vector<float> logitsOf(int32_t token) {
    std::vector<float> logits(FAKE_VOCABULARY);
    EXPECT_EQ(picollm_forward(session, &token, 1, 0, logits.data(), &error),
              PICOLLM_OK)
        << error.message;
    return logits;
  }

  std::vector<int32_t> tokens() const {
    std::vector<int32_t> all(picollm_session_tokens(session, nullptr, 0));
    EXPECT_EQ(picollm_session_tokens(session, all.data(), all.size()),
              all.size());
    return all;
  }

  std::vector<CacheLine> weights;
  std::string tokenizer;
  picollm_model *model = nullptr;
  picollm_session *session = nullptr;
  picollm_status status = PICOLLM_OK;
  picollm_error error = {};
  picollm_generate_result result = {};
};

inline std::vector<int32_t> bytesOf(const std::string &text) {
  std::vector<int32_t> tokens;
  for (char byte : text)
    tokens.push_back(uint8_t(byte));
  return tokens;
}

inline picollm_generate_options maxTokens(int64_t count) {
  picollm_generate_options options = {};
  options.max_tokens = count;
  return options;
}

} // namespace picollm::test

#endif
