//===- ApiFuzzer.cpp - any calls of the C API -----------------------------===//
//
// The input is a sequence of calls with arguments that a program could pass:
// any numbers, any text, null where the header allows it or promises an error.
// Results must be as the header says: results or a sentence, never both.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "Runtime/FakeChat.h"
#include "Runtime/FakeFiles.h"
#include "Runtime/FakeModel.h"
#include "picollm.h"
#include <cstring>
#include <fuzzer/FuzzedDataProvider.h>
#include <memory>

using namespace picollm;

namespace {

/// What a call answers, checked.
class Answer {
public:
  Answer() {
    std::memset(&error, 0x7f, sizeof error);
    error.code = -1;
  }
  picollm_error *out() { return &error; }

  /// Returns whether the call succeeded.
  bool check(picollm_status status) {
    if (status == PICOLLM_OK) {
      require(error.code == -1, "a success that touched the error");
      return true;
    }
    require(error.code == status, "an error of another status");
    const void *end = std::memchr(error.message, 0, sizeof error.message);
    require(end, "a message without an end");
    requireSentence(error.message);
    require(std::strcmp(picollm_status_string(status), "unknown status") != 0,
            "a status without a name");
    return false;
  }

private:
  picollm_error error;
};

class Caller {
public:
  Caller(const uint8_t *data, size_t size) : input(data, size) {}
  ~Caller() {
    picollm_session_free(session);
    picollm_session_free(other);
  }
  void run();

private:
  void openModel();
  void openSession();
  void tokenize();
  void tokenBytes();
  void forward();
  void forwardSessions();
  void truncate();
  void generate();
  void chat();
  void ask();

  picollm_generate_options options();
  double number();
  const char *pointer(const std::string &text) {
    return input.ConsumeBool() || !text.empty() ? text.data() : nullptr;
  }
  static int onText(const char *text, size_t length, void *user);
  static int onToken(const picollm_token_result *token, void *user);

  FuzzedDataProvider input;
  picollm_model *model = nullptr;
  picollm_session *session = nullptr;
  picollm_session *other = nullptr; ///< an earlier one
  std::vector<std::string> stops;
  std::vector<const char *> stopPointers;
  int32_t topChoices = 0;
  int64_t tokensBeforeEnd = 0; ///< after which a callback ends a generation
};

} // namespace

/// Opened once: reading their files is what other targets do.
static picollm_model *openedModel(const picollm_compiled_model *compiled,
                                  const std::string *tokenizer) {
  static const std::vector<test::CacheLine> weights = test::fakeWeights();
  picollm_model *model = nullptr;
  Answer answer;
  require(
      answer.check(picollm_model_from_compiled(
          compiled, weights.data(), weights.size() * sizeof(test::CacheLine),
          tokenizer ? tokenizer->data() : nullptr,
          tokenizer ? tokenizer->size() : 0, nullptr, &model, answer.out())),
      "the fake model cannot be opened");
  return model;
}

void Caller::openModel() {
  static const std::string plain = test::fakeTokenizer(false);
  static const std::string chat = test::fakeTokenizer(true, test::fakeChat());
  static picollm_model *const models[] = {
      openedModel(picollm_fake_model(), &plain),
      openedModel(picollm_fake_model(), &chat),
      openedModel(picollm_counting_model(), &chat),
      openedModel(picollm_fake_model(), nullptr)};
  model = input.PickValueInArray(models);
}

void Caller::openSession() {
  picollm_session_free(other);
  other = session;
  session = nullptr;
  // Threads take longer to start than everything else here.
  const int32_t threads = input.ConsumeIntegralInRange(0, 40) == 0
                              ? input.PickValueInArray<int32_t>(
                                    {-1, 0, 2, 3, 257, INT32_MIN, INT32_MAX})
                              : 1;
  const int64_t context = input.ConsumeBool()
                              ? input.ConsumeIntegralInRange<int64_t>(1, 80)
                              : input.ConsumeIntegral<int64_t>();
  const picollm_session_options options = {context, threads};
  Answer answer;
  if (answer.check(
          picollm_session_create(model, &options, &session, answer.out())))
    require(session && picollm_session_position(session) == 0,
            "a session that does not start at 0");
  else
    require(!session, "a failure with a session");
}

void Caller::tokenize() {
  const std::string text = input.ConsumeRandomLengthString(64);
  std::vector<int32_t> tokens(input.ConsumeIntegralInRange<size_t>(0, 80), -7);
  size_t count = size_t(-1);
  Answer answer;
  if (!answer.check(picollm_tokenize(model, pointer(text), text.size(),
                                     input.ConsumeBool(), input.ConsumeBool(),
                                     tokens.data(), tokens.size(), &count,
                                     answer.out())))
    return;
  for (size_t i = 0; i < tokens.size(); ++i)
    require(i < count ? tokens[i] >= 0 && tokens[i] < FAKE_VOCABULARY
                      : tokens[i] == -7,
            "a wrong token, or one too many");
}

void Caller::tokenBytes() {
  const char *bytes = nullptr;
  size_t length = 0;
  const int32_t token = input.ConsumeBool()
                            ? input.ConsumeIntegral<int32_t>()
                            : input.ConsumeIntegralInRange(-1, 259);
  Answer answer;
  if (answer.check(
          picollm_token_bytes(model, token, &bytes, &length, answer.out())))
    require(token >= 0 && token < FAKE_VOCABULARY && bytes,
            "bytes of a token that does not exist");
  picollm_token_ends_text(model, token);
}

void Caller::forward() {
  const size_t most = input.ConsumeIntegralInRange(0, 7) ? 6 : 70;
  std::vector<int32_t> tokens(input.ConsumeIntegralInRange<size_t>(0, most));
  for (int32_t &token : tokens)
    token = input.ConsumeIntegralInRange(-1, FAKE_VOCABULARY);
  const size_t from =
      input.ConsumeIntegralInRange<size_t>(0, tokens.size() + 1);
  const size_t rows = from < tokens.size() ? tokens.size() - from : 0;
  std::vector<float> logits(rows * FAKE_VOCABULARY);
  const int64_t position = picollm_session_position(session);
  Answer answer;
  const bool done = answer.check(picollm_forward(
      session, tokens.data(), tokens.size(), from,
      input.ConsumeIntegralInRange(0, 15) ? logits.data() : nullptr,
      answer.out()));
  require(picollm_session_position(session) ==
              position + (done ? int64_t(tokens.size()) : 0),
          "a context that grew by another number of tokens");
}

void Caller::forwardSessions() {
  const auto positions = [&] {
    return std::pair(picollm_session_position(session),
                     other ? picollm_session_position(other) : 0);
  };
  std::vector<picollm_session *> sessions = {session};
  if (other)
    sessions.push_back(other);
  if (input.ConsumeIntegralInRange(0, 7) == 0)
    sessions.push_back(input.ConsumeBool() ? session : nullptr);
  if (input.ConsumeBool())
    std::swap(sessions.front(), sessions.back());
  std::vector<int32_t> tokens(sessions.size());
  for (int32_t &token : tokens)
    token = input.ConsumeIntegralInRange(-1, FAKE_VOCABULARY);
  std::vector<float> logits(sessions.size() * FAKE_VOCABULARY);
  auto expected = positions();
  Answer answer;
  if (answer.check(picollm_forward_sessions(
          sessions.data(), tokens.data(), sessions.size(),
          input.ConsumeBool() ? logits.data() : nullptr, answer.out()))) {
    ++expected.first;
    expected.second += other != nullptr;
  }
  require(positions() == expected, "contexts that grew by other tokens");
}

void Caller::truncate() {
  const int64_t position = picollm_session_position(session);
  const int64_t target = input.ConsumeBool()
                             ? input.ConsumeIntegralInRange<int64_t>(0, 256)
                             : input.ConsumeIntegral<int64_t>();
  Answer answer;
  const bool done =
      answer.check(picollm_session_truncate(session, target, answer.out()));
  require(done == (target >= 0 && target <= position) &&
              picollm_session_position(session) == (done ? target : position),
          "a context cut elsewhere");
}

double Caller::number() {
  static const double special[] = {0, -0.0, 1, -1, 0.5, 1e-300, 1e300, -1e300};
  switch (input.ConsumeIntegralInRange(0, 2)) {
  case 0:
    return input.PickValueInArray(special);
  case 1:
    return input.ConsumeFloatingPointInRange(0.0, 1.0);
  default:
    return input.ConsumeFloatingPoint<double>();
  }
}

int Caller::onText(const char *text, size_t length, void *user) {
  require(text || length == 0, "text that is nowhere");
  auto *caller = static_cast<Caller *>(user);
  if (caller->tokensBeforeEnd == 1)
    picollm_session_interrupt(caller->session);
  return --caller->tokensBeforeEnd < 0;
}

int Caller::onToken(const picollm_token_result *token, void *user) {
  auto *caller = static_cast<Caller *>(user);
  require(token->chosen.token >= 0 && token->chosen.token < FAKE_VOCABULARY &&
              token->chosen.log_probability <= 0 &&
              token->top_count == size_t(caller->topChoices),
          "a wrong token result");
  for (size_t i = 1; i < token->top_count; ++i)
    require(token->top[i].log_probability <= token->top[i - 1].log_probability,
            "choices that do not fall");
  return 0;
}

picollm_generate_options Caller::options() {
  picollm_generate_options options = {};
  options.max_tokens = input.ConsumeBool()
                           ? input.ConsumeIntegralInRange<int64_t>(1, 12)
                           : input.ConsumeIntegral<int64_t>();
  options.temperature = number();
  options.top_p = number();
  options.top_k = input.ConsumeBool() ? input.ConsumeIntegral<int64_t>()
                                      : input.ConsumeIntegral<uint8_t>();
  options.presence_penalty = number();
  options.frequency_penalty = number();
  options.seed = input.ConsumeIntegral<uint64_t>();
  options.parse_special = input.ConsumeBool();
  options.from_start = input.ConsumeBool();
  options.keep_stop = input.ConsumeBool();
  stops.clear();
  stopPointers.clear();
  for (int i = input.ConsumeIntegralInRange(0, 3); i > 0; --i)
    stops.push_back(input.ConsumeRandomLengthString(8));
  for (const std::string &stop : stops)
    stopPointers.push_back(stop.c_str());
  options.stop = stopPointers.data();
  options.stop_count = stopPointers.size();
  if (input.ConsumeBool()) {
    options.top_choices = input.ConsumeBool()
                              ? input.ConsumeIntegral<int32_t>()
                              : input.ConsumeIntegralInRange(0, 128);
    options.on_token = onToken;
    options.on_token_user = this;
  }
  topChoices = options.top_choices;
  return options;
}

void Caller::generate() {
  const std::string prompt = input.ConsumeRandomLengthString(48);
  const picollm_generate_options wanted = options();
  const int64_t position = picollm_session_position(session);
  tokensBeforeEnd = input.ConsumeIntegralInRange(1, 12);
  picollm_generate_result result = {};
  result.prompt_tokens = -1;
  Answer answer;
  const bool done =
      answer.check(picollm_generate(session, pointer(prompt), prompt.size(),
                                    input.ConsumeBool() ? &wanted : nullptr,
                                    onText, this, &result, answer.out()));
  if (!done) {
    require(result.prompt_tokens == -1 &&
                picollm_session_position(session) == position,
            "a failure that generated");
    return;
  }
  require(std::strcmp(picollm_end_string(result.end), "unknown end") != 0 &&
              result.prompt_tokens >= 0 && result.completion_tokens >= 0 &&
              result.reused_tokens <= result.prompt_tokens &&
              result.stop_index < int64_t(wanted.stop_count) &&
              (result.stop_index >= 0) ==
                  (result.end == PICOLLM_END_STOP_STRING),
          "a result that contradicts itself");
  require(picollm_session_position(session) <= picollm_session_context(session),
          "a context longer than its session");
}

void Caller::chat() {
  std::vector<std::string> texts;
  std::vector<picollm_message> messages;
  const int count = input.ConsumeIntegralInRange(0, 4);
  for (int i = 0; i < 2 * count; ++i)
    texts.push_back(input.ConsumeRandomLengthString(16));
  static const char *const roles[] = {"system", "user", "assistant",
                                      "tool",   "",     nullptr};
  for (int i = 0; i < count; ++i)
    messages.push_back(
        {input.PickValueInArray(roles), pointer(texts[i]), texts[i].size()});
  std::vector<char> text(input.ConsumeIntegralInRange<size_t>(0, 80), '\xfe');
  size_t length = 0;
  Answer promptAnswer;
  if (promptAnswer.check(picollm_chat_prompt(
          model, messages.data(), messages.size(), text.data(), text.size(),
          &length, promptAnswer.out())))
    for (size_t i = length; i < text.size(); ++i)
      require(text[i] == '\xfe', "a prompt longer than it says");
  std::vector<int32_t> tokens(input.ConsumeIntegralInRange<size_t>(0, 80));
  size_t tokenCount = 0;
  Answer tokenAnswer;
  tokenAnswer.check(picollm_chat_tokenize(
      model, messages.data(), messages.size(), tokens.data(), tokens.size(),
      &tokenCount, tokenAnswer.out()));
  const picollm_generate_options wanted = options();
  tokensBeforeEnd = input.ConsumeIntegralInRange(1, 12);
  Answer answer;
  answer.check(picollm_chat(session, messages.data(), messages.size(), &wanted,
                            onText, this, nullptr, answer.out()));
}

void Caller::ask() {
  size_t length = 0;
  require(picollm_chat_template(model, &length), "no template at all");
  require(picollm_chat_refusal(model), "no refusal at all");
  picollm_model_kv_bytes(model, input.ConsumeIntegral<int64_t>());
  picollm_end_string(input.ConsumeIntegral<int>());
  picollm_status_string(input.ConsumeIntegral<int>());
  std::vector<int32_t> tokens(input.ConsumeIntegralInRange<size_t>(0, 300));
  require(picollm_session_tokens(session, tokens.data(), tokens.size()) ==
              size_t(picollm_session_position(session)),
          "another number of tokens");
}

void Caller::run() {
  openModel();
  openSession();
  for (int call = 0; call < 6 && input.remaining_bytes() > 0; ++call) {
    const int which = input.ConsumeIntegralInRange(0, 10);
    if (which == 0 || !session)
      openSession();
    else if (which == 1)
      tokenize();
    else if (which == 2)
      tokenBytes();
    else if (which <= 4)
      forward();
    else if (which == 5)
      truncate();
    else if (which <= 7)
      generate();
    else if (which == 8)
      chat();
    else if (which == 9)
      forwardSessions();
    else
      ask();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Caller(data, size).run();
  return 0;
}
