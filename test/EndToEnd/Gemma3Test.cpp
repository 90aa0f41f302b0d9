//===- Gemma3Test.cpp - a real model of Gemma 3, at 16 bits ---------------===//
//
// Uses what CompileGemma3.cmake has compiled, if the model is there.
//
//===----------------------------------------------------------------------===//

#include "CompiledModel.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace picollm;

namespace {

class Gemma3 : public testing::Test {
protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder))
      GTEST_SKIP() << "no model; run scripts/fetch-gemma3";
  }

  static std::string modelPath() {
    if (const char *path = std::getenv("PICOLLM_GEMMA3"))
      return path;
    return PICOLLM_BUILD_DIR "/models/gemma-3-270m-q4_k_m.gguf";
  }

  const std::string folder = PICOLLM_BUILD_DIR "/end-to-end/Gemma3";
};

TEST_F(Gemma3, ContinuesTexts) {
  const std::pair<const char *, const char *> texts[] = {
      {"Monday, Tuesday, Wednesday,", " Thursday, Friday"},
      {"Roses are red, violets are", " blue"},
      {"The opposite of hot is", " cold"},
      {"In 1969, astronaut Neil Armstrong became the first person to walk on "
       "the",
       " moon"},
  };
  for (auto [prompt, continuation] : texts) {
    std::string output;
    ASSERT_TRUE(runTool("picollm-run \"" + folder +
                            "\" --json --temperature=0 --max-tokens=8 \"" +
                            prompt + "\"",
                        &output));
    const std::string text = nlohmann::json::parse(output).at("text");
    EXPECT_EQ(text.find(continuation), 0u) << prompt << text;
  }
}

// It is the base model, which was trained on no dialogs.
TEST_F(Gemma3, SaysThatItTakesPartInNoDialogs) {
  EXPECT_FALSE(runTool("picollm-run \"" + folder + "\" --chat Hello"));
  const std::string reason =
      nlohmann::json::parse(readFile(folder + "/manifest.json")).at("chat");
  EXPECT_EQ(reason, "the model has no chat template; compile it with "
                    "--chat-template=FILE");
}

// 1024 tokens: two windows of local attention.
TEST_F(Gemma3, PerplexityIsThatOfTheInterpreter) {
  const std::string texts = testFolder() + "/texts";
  std::filesystem::create_directories(texts);
  std::ofstream(texts + "/1.txt") << readFile(PICOLLM_SOURCE_DIR "/README.md");
  auto perplexityOf = [&](const std::string &model) -> double {
    std::string output;
    EXPECT_TRUE(runTool("picollm-eval perplexity --path=prefill --json \"" +
                            model + "\" --texts=\"" + texts + "\"",
                        &output));
    const auto result = nlohmann::json::parse(output, nullptr, false);
    return result.is_object() ? double(result.at("perplexity")) : 0;
  };
  const double compiled = perplexityOf(folder);
  const double interpreted = perplexityOf(modelPath());
  EXPECT_GT(compiled, 1);
  // Measured on another text: 30.6782 and 30.6773.
  EXPECT_NEAR(compiled / interpreted, 1, 1e-3);
}

} // namespace
