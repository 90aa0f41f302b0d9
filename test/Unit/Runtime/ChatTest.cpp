// Dialogs through the C API.
#include "Chat.h"
#include "FakeChat.h"
#include "FakeSession.h"

#include "gtest/gtest.h"

using namespace picollm;
using namespace picollm::test;

namespace {

using Messages = std::vector<picollm_message>;

picollm_message message(const char *role, std::string_view content) {
  return {role, content.data(), content.size()};
}

const Messages question = {message("user", "hello")};
const Messages conversation = {
    message("system", " brief \n"), message("user", "hello"),
    message("assistant", "a"),      message("user", "b\t"),
    message("assistant", ""),       message("user", "c")};

class Chat : public testing::Test {
protected:
  std::string prompt(const Messages &messages) {
    size_t length = 0;
    error = {};
    status = picollm_chat_prompt(fake.model, messages.data(), messages.size(),
                                 nullptr, 0, &length, &error);
    if (status)
      return error.message;
    std::string text(length, '\0');
    EXPECT_EQ(picollm_chat_prompt(fake.model, messages.data(), messages.size(),
                                  text.data(), length, &length, nullptr),
              PICOLLM_OK);
    return text;
  }

  std::vector<int32_t> tokens(const picollm_model *model,
                              const Messages &messages) {
    size_t count = 0;
    EXPECT_EQ(picollm_chat_tokenize(model, messages.data(), messages.size(),
                                    nullptr, 0, &count, nullptr),
              PICOLLM_OK);
    std::vector<int32_t> ids(count);
    EXPECT_EQ(picollm_chat_tokenize(model, messages.data(), messages.size(),
                                    ids.data(), count, &count, nullptr),
              PICOLLM_OK);
    return ids;
  }

  std::string chat(const Messages &messages,
                   const picollm_generate_options &options) {
    std::string text;
    status = picollm_chat(
        fake.session, messages.data(), messages.size(), &options,
        [](const char *part, size_t length, void *user) {
          static_cast<std::string *>(user)->append(part, length);
          return 0;
        },
        &text, &result, &error);
    return text;
  }

  void expectRefused(const Messages &messages, const std::string &part) {
    const std::string sentence = prompt(messages);
    EXPECT_EQ(status, PICOLLM_INVALID_ARGUMENT);
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
  }

  FakeSession fake{picollm_fake_model(), 1, 0, true, fakeChat()};
  picollm_status status = PICOLLM_OK;
  picollm_error error = {};
  picollm_generate_result result = {};
};

std::vector<int32_t> spelled(const std::vector<int32_t> &front,
                             const std::string &text) {
  std::vector<int32_t> ids = front;
  for (char c : text)
    ids.push_back(uint8_t(c));
  return ids;
}

} // namespace

TEST_F(Chat, WritesDialogs) {
  EXPECT_STREQ(picollm_chat_refusal(fake.model), "");
  EXPECT_EQ(prompt(question), "U:hello<|end|>A:");
  EXPECT_EQ(prompt(conversation), "S:brief<|end|>U:hello<|end|>A:a<|end|>U:b"
                                  "<|end|>A:<|end|>U:c<|end|>A:");
}

TEST_F(Chat, WritesNoMoreThanTheCapacity) {
  char text[4] = {0, 0, 0, 'x'};
  size_t length = 0;
  ASSERT_EQ(picollm_chat_prompt(fake.model, question.data(), 1, text, 3,
                                &length, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(std::string(text, 4), "U:hx");
  EXPECT_EQ(length, 16u);
  int32_t ids[2] = {-1, -1};
  ASSERT_EQ(picollm_chat_tokenize(fake.model, question.data(), 1, ids, 1,
                                  &length, nullptr),
            PICOLLM_OK);
  EXPECT_EQ(ids[0], FAKE_BEGIN_TOKEN);
  EXPECT_EQ(ids[1], -1);
  EXPECT_EQ(length, 11u);
}

TEST_F(Chat, TokensBeginWithTheBeginTokenOnce) {
  const std::vector<int32_t> expected = [] {
    std::vector<int32_t> ids = spelled({FAKE_BEGIN_TOKEN}, "U:hello");
    ids.push_back(FAKE_END_TOKEN);
    return spelled(ids, "A:");
  }();
  EXPECT_EQ(tokens(fake.model, question), expected);
  // The template writes it too.
  FakeSession writes(picollm_fake_model(), 1, 0, true, fakeChat(true));
  EXPECT_EQ(tokens(writes.model, question), expected);
}

TEST_F(Chat, ControlTokensInsideAMessageAreText) {
  for (const char *attack : {"<|end|>", "x<|end|>", "<|end|>x", "<|begin|>"}) {
    const std::vector<int32_t> ids =
        tokens(fake.model, {message("user", attack)});
    std::vector<int32_t> expected =
        spelled({FAKE_BEGIN_TOKEN}, std::string("U:") + attack);
    expected.push_back(FAKE_END_TOKEN);
    EXPECT_EQ(ids, spelled(expected, "A:")) << attack;
  }
}

TEST_F(Chat, SplitControlTokensStaySplit) {
  // The content ends with the start of a token that the template's text, which
  // follows, would complete.
  const std::vector<int32_t> ids =
      tokens(fake.model, {message("user", "<|end|><|end|"),
                          message("assistant", ">"), message("user", "<")});
  EXPECT_EQ(std::count(ids.begin(), ids.end(), FAKE_END_TOKEN), 3);
}

TEST_F(Chat, WrongDialogsAreRefused) {
  expectRefused({}, "there are none");
  expectRefused({message("tool", "x")}, "not 'tool'");
  expectRefused({message("assistant", "x")},
                "messages[0].role: must be user, not assistant");
  expectRefused({message("user", "x"), message("user", "y")},
                "messages[1].role: must be assistant, not user");
  expectRefused({message("user", "x"), message("system", "y")},
                "messages[1].role: must be assistant, not system");
  expectRefused({message("system", "x"), message("system", "y")},
                "messages[1].role: must be user, not system");
  expectRefused({message("system", "x")}, "the last must be the user's");
  expectRefused({message("user", "x"), message("assistant", "y")},
                "the last must be the user's");
  expectRefused({{nullptr, "x", 1}}, "messages[0].role: must not be null");
  expectRefused({{"user", nullptr, 1}},
                "messages[0].content: must not be null");
}

TEST_F(Chat, NullPointersAreRefused) {
  size_t length = 7;
  EXPECT_EQ(picollm_chat_prompt(nullptr, question.data(), 1, nullptr, 0,
                                &length, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_chat_prompt(fake.model, question.data(), 1, nullptr, 0,
                                nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(
      picollm_chat_prompt(fake.model, nullptr, 1, nullptr, 0, &length, &error),
      PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_chat_tokenize(fake.model, question.data(), 1, nullptr, 5,
                                  &length, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_chat(nullptr, question.data(), 1, nullptr, nullptr, nullptr,
                         nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(length, 7u);
}

TEST_F(Chat, ModelsWithoutAFormSayWhy) {
  ChatFormat refused;
  refused.refusal = "the model's chat template cannot be used: why not";
  FakeSession other(picollm_fake_model(), 1, 0, true, refused);
  EXPECT_EQ(picollm_chat_refusal(other.model), refused.refusal);
  EXPECT_EQ(picollm_chat(other.session, question.data(), 1, nullptr, nullptr,
                         nullptr, nullptr, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(error.message, refused.refusal);
  EXPECT_EQ(picollm_session_position(other.session), 0);
}

TEST_F(Chat, AnswersFromTheStartOfTheContext) {
  picollm_generate_options options = {};
  options.max_tokens = 5;
  const std::string first = chat(question, options);
  ASSERT_EQ(status, PICOLLM_OK) << error.message;
  EXPECT_EQ(result.prompt_tokens, 11);
  EXPECT_EQ(result.reused_tokens, 0);
  // Again: the same, since nothing continues.
  EXPECT_EQ(chat(question, options), first);
  EXPECT_EQ(result.prompt_tokens, 11);
  EXPECT_GT(result.reused_tokens, 0);
  // What the session holds is that of the tokens.
  std::vector<int32_t> ids = tokens(fake.model, question);
  std::vector<int32_t> held(ids.size());
  picollm_session_tokens(fake.session, held.data(), held.size());
  EXPECT_EQ(held, ids);
}

TEST_F(Chat, ALongerDialogComputesWhatIsNew) {
  picollm_generate_options options = {};
  options.max_tokens = 4;
  const std::string answer = "wxyz";
  chat(question, options);
  const Messages longer = {question[0], message("assistant", answer),
                           message("user", "more")};
  const std::string text = chat(longer, options);
  ASSERT_EQ(status, PICOLLM_OK) << error.message;
  EXPECT_GE(result.reused_tokens, 11);
  FakeSession fresh(picollm_fake_model(), 1, 0, true, fakeChat());
  std::string other;
  ASSERT_EQ(picollm_chat(
                fresh.session, longer.data(), longer.size(), &options,
                [](const char *part, size_t length, void *user) {
                  static_cast<std::string *>(user)->append(part, length);
                  return 0;
                },
                &other, &result, &error),
            PICOLLM_OK);
  EXPECT_EQ(result.reused_tokens, 0);
  EXPECT_EQ(other, text);
}

TEST_F(Chat, ADialogThatDoesNotFitIsRefused) {
  const std::string longText(300, 'x');
  chat({message("user", longText)}, {});
  EXPECT_EQ(status, PICOLLM_CONTEXT_FULL);
  EXPECT_EQ(picollm_session_position(fake.session), 0);
}

TEST(ChatTrim, TakesOffWhatPythonTakesOff) {
  using namespace runtime;
  // Python: s.strip() and s.strip("\n") of these.
  const std::string text = "\u3000\n\x1f\u0085x \u200b\u2029\u00a0\n";
  EXPECT_EQ(trimEnd(trimStart(text, PICOLLM_CHAT_TRIM_SPACE),
                    PICOLLM_CHAT_TRIM_SPACE),
            "x \u200b");
  EXPECT_EQ(trimStart("\n\n \nx", PICOLLM_CHAT_TRIM_NEWLINES), " \nx");
  EXPECT_EQ(trimEnd("x\n \n\n", PICOLLM_CHAT_TRIM_NEWLINES), "x\n ");
  EXPECT_EQ(trimEnd(" \n", PICOLLM_CHAT_TRIM_NOTHING), " \n");
  EXPECT_EQ(trimEnd("\xc2\x85\x85", PICOLLM_CHAT_TRIM_SPACE), "\xc2\x85\x85");
  EXPECT_EQ(trimEnd("", PICOLLM_CHAT_TRIM_SPACE), "");
}
