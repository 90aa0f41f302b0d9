// picollm-run and picollm-bench as a user calls them, with the fake model.
#include "FakeChat.h"
#include "FakeFiles.h"
#include "FakeModel.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

using namespace picollm::test;

namespace {

struct Outcome {
  bool succeeded;
  std::string out, err;
};

class Tools : public testing::Test {
protected:
  /// Runs a tool of build/bin with these arguments and standard input.
  Outcome run(const std::string &arguments, const std::string &input = "") {
    const std::string in = folder + "/in", out = folder + "/out",
                      err = folder + "/err";
    writeFile(in, input.data(), input.size());
    const std::string command = "\"" PICOLLM_BUILD_DIR "/bin/\"" + arguments +
                                " <\"" + in + "\" >\"" + out + "\" 2>\"" + err +
                                "\"";
    const int status = std::system(command.c_str());
    return {status == 0, readFile(out), readFile(err)};
  }

  /// A failure says one sentence on standard error and nothing else.
  void expectSentence(const std::string &arguments, const std::string &part,
                      const std::string &input = "") {
    const Outcome got = run(arguments, input);
    EXPECT_FALSE(got.succeeded) << arguments;
    EXPECT_EQ(got.out, "") << arguments;
    EXPECT_NE(got.err.find(part), std::string::npos) << got.err;
    EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 1) << got.err;
  }

  std::string folder = fakeModelFolder();
  std::string quoted = " \"" + folder + "\" ";
};

} // namespace

TEST_F(Tools, RunPrintsTheTextAndNothingElse) {
  const Outcome got = run("picollm-run" + quoted + "hello -n 12");
  EXPECT_TRUE(got.succeeded);
  EXPECT_EQ(got.err, "");
  EXPECT_GT(got.out.size(), 5u);
  EXPECT_EQ(got.out.back(), '\n');
  const Outcome json = run("picollm-run" + quoted + "hello -n 12 --json");
  EXPECT_EQ(nlohmann::json::parse(json.out)["text"].get<std::string>() + "\n",
            got.out);
}

TEST_F(Tools, RunReadsThePromptFromStandardInput) {
  const Outcome argument = run("picollm-run" + quoted + "\"hello you\" -n 9");
  const Outcome input = run("picollm-run" + quoted + "-n 9", "hello you\n");
  EXPECT_TRUE(input.succeeded);
  EXPECT_EQ(input.out, argument.out);
}

TEST_F(Tools, RunGivesTheSameTextForAnyThreads) {
  const std::string options = "hello -n 40 --temperature=0.9 --top-p=0.9 "
                              "--top-k=50 --seed=3 ";
  const Outcome one = run("picollm-run" + quoted + options + "-j 1");
  EXPECT_TRUE(one.succeeded);
  for (const char *threads :
       {"-j 2", "--threads=3", "--device=cpu:2", "--device=best"})
    EXPECT_EQ(run("picollm-run" + quoted + options + threads).out, one.out);
}

TEST_F(Tools, RunDescribesItsTextInJson) {
  const Outcome got =
      run("picollm-run" + quoted + "hello --max-tokens=7 --json --stats");
  ASSERT_TRUE(got.succeeded);
  const nlohmann::json object = nlohmann::json::parse(got.out);
  EXPECT_EQ(object["model"], "fake");
  EXPECT_EQ(object["prompt_tokens"], 6);
  EXPECT_EQ(object["completion_tokens"], 7);
  EXPECT_EQ(object["end"], "token limit");
  EXPECT_NE(got.err.find("7 tokens"), std::string::npos);
}

TEST_F(Tools, RunRefusesWithOneSentence) {
  expectSentence("picollm-run", "DIR is required");
  expectSentence("picollm-run /no/such/folder x", "cannot be read");
  expectSentence("picollm-run" + quoted + "x --no-such", "--no-such");
  expectSentence("picollm-run" + quoted + "x --temperature=hot", "temperature");
  expectSentence("picollm-run" + quoted + "x --temperature=-1", "not -1");
  expectSentence("picollm-run" + quoted + "x --top-p=2", "top_p");
  expectSentence("picollm-run" + quoted + "x --threads=0", "at least 1");
  expectSentence("picollm-run" + quoted + "x --threads=9999", "between 1 and");
  expectSentence("picollm-run" + quoted + "x --device=gpu", "'gpu'");
  expectSentence("picollm-run" + quoted + "x --device=cpu:x", "'cpu:x'");
  expectSentence("picollm-run" + quoted + "x -j 1 --device=cpu", "--device");
  expectSentence("picollm-run" + quoted + "x --context=100000", "256");
  expectSentence("picollm-run" + quoted + "x --system=y", "--chat");
  expectSentence("picollm-run" + quoted + "x --chat", "chat template");
  expectSentence("picollm-run" + quoted, "256 of the context's 256 positions",
                 std::string(1000, 'a'));
}

TEST_F(Tools, RunVerifiesOnDemand) {
  EXPECT_TRUE(run("picollm-run" + quoted + "x -n 1 --verify").succeeded);
  std::string bytes = readFile(folder + "/fake.weights");
  bytes.back() ^= 1;
  writeFile(folder + "/fake.weights", bytes.data(), bytes.size());
  EXPECT_TRUE(run("picollm-run" + quoted + "x -n 1").succeeded);
  expectSentence("picollm-run" + quoted + "x -n 1 --verify", "is damaged");
}

TEST_F(Tools, HelpTeaches) {
  for (std::string tool : {"picollm-run", "picollm-bench"}) {
    const Outcome got = run(tool + " --help");
    EXPECT_TRUE(got.succeeded);
    EXPECT_NE(got.out.find("Example"), std::string::npos);
  }
}

TEST_F(Tools, BenchReportsEveryThreadCount) {
  const Outcome got =
      run("picollm-bench" + quoted +
          "--prompt=20 --generate=10 --threads=1,2 --repeat=1 --batch=3,10 "
          "--sessions=1,4 --json");
  ASSERT_TRUE(got.succeeded) << got.err;
  const nlohmann::json object = nlohmann::json::parse(got.out);
  ASSERT_EQ(object["results"].size(), 2u);
  EXPECT_GT(object["load_seconds"], 0);
  for (int i : {0, 1}) {
    const nlohmann::json &result = object["results"][size_t(i)];
    EXPECT_EQ(result["threads"], i + 1);
    EXPECT_EQ(result["bytes_per_token"], FAKE_CONTENT_BYTES);
    EXPECT_GT(result["prefill_tokens_per_second"], 0);
    EXPECT_GT(result["decode_tokens_per_second"], 0);
    // The fake model is of portable code.
    EXPECT_FALSE(result.contains("byte_products_per_second"));
    EXPECT_NEAR(result["bandwidth_share"].get<double>(),
                result["decode_tokens_per_second"].get<double>() *
                    FAKE_CONTENT_BYTES /
                    result["read_bytes_per_second"].get<double>(),
                1e-6);
    ASSERT_EQ(result["batches"].size(), 2u);
    EXPECT_EQ(result["batches"][0]["tokens"], 3);
    EXPECT_EQ(result["batches"][1]["tokens"], 10);
    EXPECT_GT(result["batches"][1]["times_one"], 0);
    ASSERT_EQ(result["sessions"].size(), 2u);
    EXPECT_EQ(result["sessions"][1]["sessions"], 4);
    EXPECT_GT(result["sessions"][1]["times_one"], 0);
  }
}

TEST_F(Tools, BenchRefusesWithOneSentence) {
  expectSentence("picollm-bench", "DIR is required");
  expectSentence("picollm-bench /no/such/folder", "cannot be read");
  expectSentence("picollm-bench" + quoted + "--threads=1,x", "--threads");
  expectSentence("picollm-bench" + quoted + "--threads=0", "at least 1");
  expectSentence("picollm-bench" + quoted + "--generate=0", "at least 1");
  expectSentence("picollm-bench" + quoted + "--prompt=9999", "256 positions");
  expectSentence("picollm-bench" + quoted + "--prompt=9223372036854775807",
                 "in the billions");
  expectSentence("picollm-bench" + quoted + "--generate=99999999999999999999",
                 "--generate");
  expectSentence("picollm-bench" + quoted + "--generate=4 --batch=5",
                 "--batch");
  expectSentence("picollm-bench" + quoted + "--generate=4 --sessions=2,0",
                 "--sessions");
}

namespace {

/// The tools with a model that takes part in dialogs.
class Chatting : public Tools {
protected:
  Chatting() {
    const std::string tokenizer = fakeTokenizer(true, fakeChat());
    writeFile(folder + "/fake.tokenizer", tokenizer.data(), tokenizer.size());
  }
};

} // namespace

TEST_F(Chatting, ChatIsThePromptThatTheTemplateWrites) {
  const std::string options = " -n 20 --json";
  const auto chat = nlohmann::json::parse(
      run("picollm-run" + quoted + "hello --chat --system=brief" + options)
          .out);
  const auto prompt =
      nlohmann::json::parse(run("picollm-run" + quoted +
                                "\"S:brief<|end|>U:hello<|end|>A:\"" + options)
                                .out);
  EXPECT_EQ(chat["text"], prompt["text"]);
  EXPECT_EQ(chat["prompt_tokens"], 19);
  EXPECT_EQ(prompt["prompt_tokens"], 19);
  const Outcome piped =
      run("picollm-run" + quoted + "--chat" + options + " --system=brief",
          "hello\n");
  EXPECT_EQ(nlohmann::json::parse(piped.out)["text"], chat["text"]);
}

TEST_F(Chatting, TypedControlTokensDoNotEndATurn) {
  const auto object = nlohmann::json::parse(
      run("picollm-run" + quoted + "\"<|end|>\" --chat -n 1 --json").out);
  // begin, "U:", seven characters, end, "A:"
  EXPECT_EQ(object["prompt_tokens"], 13);
}

TEST_F(Tools, TopChoicesDescribeEveryToken) {
  const auto object = nlohmann::json::parse(
      run("picollm-run" + quoted + "hello -n 5 --json --top-choices=3").out);
  ASSERT_EQ(object["tokens"].size(), 5u);
  for (const nlohmann::json &token : object["tokens"]) {
    ASSERT_EQ(token["top"].size(), 3u);
    // Without a temperature the most probable one is taken.
    EXPECT_EQ(token["top"][0]["token"], token["token"]);
    EXPECT_EQ(token["top"][0]["log_probability"], token["log_probability"]);
    EXPECT_LE(token["log_probability"], 0.0);
    EXPECT_GE(token["top"][1]["log_probability"],
              token["top"][2]["log_probability"]);
  }
  const auto plain = nlohmann::json::parse(
      run("picollm-run" + quoted + "hello -n 5 --json").out);
  EXPECT_EQ(plain["text"], object["text"]);
  EXPECT_FALSE(plain.contains("tokens"));
  expectSentence("picollm-run" + quoted + "x --top-choices=3", "--json");
  expectSentence("picollm-run" + quoted + "x --json --top-choices=999",
                 "top_choices");
}

TEST_F(Tools, PenaltiesChangeTheText) {
  const std::string call = "picollm-run" + quoted + "hello -n 60 ";
  const std::string plain = run(call).out;
  EXPECT_EQ(run(call + "--presence-penalty=0").out, plain);
  EXPECT_NE(run(call + "--presence-penalty=9").out, plain);
  EXPECT_NE(run(call + "--frequency-penalty=9").out, plain);
  expectSentence("picollm-run" + quoted + "x --presence-penalty=nan",
                 "presence_penalty");
}

TEST_F(Tools, TheStopStringIsNamed) {
  const std::string call = "picollm-run" + quoted + "hello -n 30 --json";
  const std::string text = nlohmann::json::parse(run(call).out)["text"];
  std::string stop;
  for (char c : text)
    if (std::isalnum(static_cast<unsigned char>(c))) {
      stop = c;
      break;
    }
  ASSERT_NE(stop, "") << text;
  const auto object = nlohmann::json::parse(
      run(call + " --stop=never-written --stop=" + stop).out);
  EXPECT_EQ(object["end"], "stop string");
  EXPECT_EQ(object["stop"], stop);
  EXPECT_EQ(object["text"], text.substr(0, text.find(stop)));
}

TEST_F(Tools, ASavedSessionGoesOn) {
  const std::string file = "\"" + folder + "/session\"";
  auto tokens = [&](const std::string &arguments) {
    const auto object = nlohmann::json::parse(
        run("picollm-run" + quoted + arguments + " --json --top-choices=0")
            .out);
    std::vector<int> ids;
    for (const nlohmann::json &token : object["tokens"])
      ids.push_back(token["token"]);
    return ids;
  };
  std::vector<int> parts = tokens("hello -n 15 --save-session=" + file);
  const std::vector<int> rest = tokens("\"\" -n 25 --load-session=" + file);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, tokens("hello -n 40"));
  expectSentence("picollm-run" + quoted + "x --load-session=/no/such/file",
                 "/no/such/file");
  expectSentence("picollm-run" + quoted + "x --load-session=" + folder +
                     "/fake.weights",
                 "fake.weights");
  const Outcome refused =
      run("picollm-run" + quoted + "x -n 1 --save-session=/no/such/folder/f");
  EXPECT_FALSE(refused.succeeded);
  EXPECT_NE(refused.err.find("/no/such/folder/f"), std::string::npos);
}
