//===- HuggingFaceGemma3Test.cpp - what config.json says of Gemma 3 -------===//

#include "picollm/Import/HuggingFace.h"
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace picollm;
using nlohmann::json;

namespace {

llvm::Expected<HuggingFaceDescription> describe(const json &config) {
  const std::string text = config.dump();
  HuggingFaceTexts texts;
  texts.folder = "m";
  texts.config = text;
  return describeHuggingFaceModel(texts);
}

ModelDescription describeOrFail(const json &config) {
  auto description = describe(config);
  if (description) {
    EXPECT_EQ(description->architecture, "gemma3");
    return std::move(description->model);
  }
  ADD_FAILURE() << llvm::toString(description.takeError());
  return {};
}

/// As transformers 5 saves it: 3 layers, the last of which attends to all.
json fixture() {
  std::ifstream stream(PICOLLM_TEST_DIR
                       "/Fixtures/Gemma3/gemma3-folder-bf16/config.json");
  return json::parse(stream);
}

void expectErrorWith(const std::string &key, const json &value,
                     const std::string &part) {
  json config = fixture();
  config[key] = value;
  auto description = describe(config);
  ASSERT_FALSE(bool(description)) << "expected '" << part << "'";
  std::string message = llvm::toString(description.takeError());
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(HuggingFaceGemma3, GivesTheNumbersOfTheModel) {
  const ModelDescription model = describeOrFail(fixture());
  EXPECT_EQ(model.headSize, 32);
  EXPECT_DOUBLE_EQ(model.attentionScale, 1 / std::sqrt(32.0));
  EXPECT_EQ(model.attentionSoftcap, 0);
  EXPECT_EQ(model.logitSoftcap, 0);
  EXPECT_EQ(model.rotary.base, 1e6);
  EXPECT_EQ(model.rotary.scaling, RotaryScaling::Linear);
  EXPECT_EQ(model.rotary.factor, 8);
  EXPECT_EQ(model.local.window, 8);
  EXPECT_EQ(model.local.pattern, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(model.local.rotary.base, 5000);
  EXPECT_EQ(model.local.rotary.dimensions, 32);
  EXPECT_EQ(model.local.rotary.scaling, RotaryScaling::None);
}

TEST(HuggingFaceGemma3, TransformersFourSaysTheSame) {
  json config = fixture();
  config.erase("rope_parameters");
  config.erase("layer_types");
  config.erase("_sliding_window_pattern");
  config["sliding_window_pattern"] = 3;
  config["rope_theta"] = 1000000.0;
  config["rope_local_base_freq"] = 5000.0;
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  const ModelDescription old = describeOrFail(config);
  const ModelDescription model = describeOrFail(fixture());
  EXPECT_EQ(old.rotary.base, model.rotary.base);
  EXPECT_EQ(old.rotary.factor, model.rotary.factor);
  EXPECT_EQ(old.rotary.scaling, model.rotary.scaling);
  EXPECT_EQ(old.local.rotary.base, model.local.rotary.base);
  EXPECT_EQ(old.local.rotary.scaling, model.local.rotary.scaling);
  EXPECT_EQ(old.local.pattern, model.local.pattern);
}

TEST(HuggingFaceGemma3, DefaultsAreThoseOfTransformers) {
  const json config = {
      {"model_type", "gemma3_text"}, {"vocab_size", 100},
      {"hidden_size", 640},          {"num_hidden_layers", 7},
      {"intermediate_size", 96},     {"num_attention_heads", 4},
      {"num_key_value_heads", 1}};
  auto description = describe(config);
  ASSERT_TRUE(bool(description)) << llvm::toString(description.takeError());
  EXPECT_TRUE(description->tiedHead);
  const ModelDescription &model = description->model;
  EXPECT_EQ(model.headSize, 256);
  EXPECT_EQ(model.context, 131072);
  EXPECT_DOUBLE_EQ(model.attentionScale, 1.0 / 16);
  EXPECT_EQ(model.rotary.base, 1e6);
  EXPECT_EQ(model.local.rotary.base, 10000);
  EXPECT_EQ(model.local.window, 4096);
  EXPECT_TRUE(model.local.includes(4));
  EXPECT_FALSE(model.local.includes(5));
  EXPECT_TRUE(model.local.includes(6));
}

TEST(HuggingFaceGemma3, SaysWhatIsWrong) {
  expectErrorWith("hidden_activation", "gelu", "the activation 'gelu'");
  expectErrorWith("use_bidirectional_attention", true,
                  "'use_bidirectional_attention' is true");
  expectErrorWith("attention_bias", true, "'attention_bias' is true");
  expectErrorWith("sliding_window", 0, "'sliding_window' must be from 1");
  expectErrorWith("query_pre_attn_scalar", 0, "must be above 0");
  expectErrorWith("layer_types", {"full_attention"},
                  "'layer_types' has 1 entries, expected 3");
  expectErrorWith("layer_types",
                  {"full_attention", "linear_attention", "full_attention"},
                  "other layers are not supported");
  expectErrorWith("layer_types", {1, 2, 3}, "other layers are not supported");
  json config = fixture();
  config.erase("layer_types");
  config["_sliding_window_pattern"] = 1025;
  auto description = describe(config);
  ASSERT_FALSE(bool(description));
  EXPECT_NE(llvm::toString(description.takeError()).find("at most 1024"),
            std::string::npos);
}

} // namespace
