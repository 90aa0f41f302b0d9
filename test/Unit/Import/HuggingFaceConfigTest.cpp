//===- HuggingFaceConfigTest.cpp - what config.json says ------------------===//

#include "HuggingFaceFolder.h"
#include "picollm/Import/HuggingFace.h"
#include <cmath>

using namespace picollm;
using nlohmann::json;

namespace {

llvm::Expected<HuggingFaceDescription> describe(const std::string &config) {
  HuggingFaceTexts texts;
  texts.folder = "m";
  texts.config = config;
  return describeHuggingFaceModel(texts);
}

HuggingFaceDescription describeOrFail(const json &config) {
  auto description = describe(config.dump());
  if (description)
    return std::move(*description);
  ADD_FAILURE() << llvm::toString(description.takeError());
  return {};
}

void expectError(const std::string &config, const std::string &part) {
  auto description = describe(config);
  ASSERT_FALSE(bool(description)) << "expected '" << part << "'";
  std::string message = llvm::toString(description.takeError());
  EXPECT_EQ(message.find("m/config.json: "), 0u) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_NE(message.find(part), std::string::npos)
      << "expected '" << part << "' in: " << message;
}

const json &llama3() {
  static const json config = readFixtureJson("llama3-rope-bf16/config.json");
  return config;
}

void expectErrorWith(const std::string &key, const json &value,
                     const std::string &part) {
  json config = llama3();
  config[key] = value;
  expectError(config.dump(), part);
}

/// The same config as transformers 4 wrote it; `typeKey`: older versions named
/// the type of RoPE scaling "type".
json asVersion4(json config, const std::string &typeKey) {
  json rope = config["rope_parameters"];
  config.erase("rope_parameters");
  config["rope_theta"] = rope["rope_theta"];
  rope.erase("rope_theta");
  json type = rope["rope_type"];
  rope.erase("rope_type");
  rope[typeKey] = type;
  config["rope_scaling"] = rope;
  return config;
}

TEST(HuggingFaceConfig, GivesTheNumbersOfTheModel) {
  HuggingFaceDescription description = describeOrFail(llama3());
  const ModelDescription &model = description.model;
  EXPECT_EQ(description.architecture, "llama");
  EXPECT_FALSE(description.tiedHead);
  EXPECT_EQ(model.vocabulary, 320);
  EXPECT_EQ(model.context, 512);
  EXPECT_EQ(model.layers, 2);
  EXPECT_EQ(model.embedding, 64);
  EXPECT_EQ(model.feedForward, 96);
  EXPECT_EQ(model.heads, 4);
  EXPECT_EQ(model.kvHeads, 2);
  EXPECT_EQ(model.headSize, 16);
  EXPECT_EQ(model.normEpsilon, double(1e-5f));
  EXPECT_EQ(model.rotary.dimensions, 16);
  EXPECT_EQ(model.rotary.base, 500000);
  EXPECT_EQ(model.rotary.scaling, RotaryScaling::None);
  EXPECT_EQ(model.rotary.factors.size(), 8u);
  EXPECT_FALSE(model.rotary.interleaved);
}

TEST(HuggingFaceConfig, DefaultsAreThoseOfTransformers) {
  HuggingFaceDescription description =
      describeOrFail(json{{"model_type", "llama"},
                          {"vocab_size", 100},
                          {"hidden_size", 64},
                          {"intermediate_size", 96},
                          {"num_hidden_layers", 1},
                          {"num_attention_heads", 4},
                          {"rope_parameters", nullptr},
                          {"head_dim", nullptr}});
  const ModelDescription &model = description.model;
  EXPECT_EQ(model.kvHeads, 4);
  EXPECT_EQ(model.headSize, 16);
  EXPECT_EQ(model.context, 2048);
  EXPECT_EQ(model.normEpsilon, double(1e-6f));
  EXPECT_EQ(model.rotary.base, 10000);
  EXPECT_EQ(model.rotary.dimensions, 16);
  EXPECT_EQ(model.rotary.scaling, RotaryScaling::None);
  EXPECT_TRUE(model.rotary.factors.empty());
  EXPECT_FALSE(description.tiedHead);
}

TEST(HuggingFaceConfig, BothVersionsOfTransformersSayTheSame) {
  for (const char *name :
       {"llama3-rope-bf16", "linear-rope-f16", "yarn-rope-bf16"})
    for (const char *typeKey : {"type", "rope_type"}) {
      SCOPED_TRACE(name);
      json config = readFixtureJson(name + std::string("/config.json"));
      RotaryDescription five = describeOrFail(config).model.rotary;
      RotaryDescription four =
          describeOrFail(asVersion4(config, typeKey)).model.rotary;
      EXPECT_EQ(five.scaling, four.scaling);
      EXPECT_EQ(five.base, four.base);
      EXPECT_EQ(five.factor, four.factor);
      EXPECT_EQ(five.attentionFactor, four.attentionFactor);
      EXPECT_EQ(five.originalContext, four.originalContext);
      EXPECT_EQ(five.factors, four.factors);
    }
}

TEST(HuggingFaceConfig, YaRNsFactorOfAttentionIsRelativeToThePapers) {
  json config = readFixtureJson("yarn-rope-bf16/config.json");
  auto attentionFactor = [&] {
    return describeOrFail(config).model.rotary.attentionFactor;
  };
  const double prescribed = 0.1 * std::log(4.0) + 1;
  EXPECT_DOUBLE_EQ(attentionFactor(), 1);
  config["rope_parameters"]["mscale"] = 0.7;
  config["rope_parameters"]["mscale_all_dim"] = 0.5;
  EXPECT_DOUBLE_EQ(attentionFactor(), (0.07 * std::log(4.0) + 1) /
                                          (0.05 * std::log(4.0) + 1) /
                                          prescribed);
  config["rope_parameters"]["attention_factor"] = 1.5;
  EXPECT_DOUBLE_EQ(attentionFactor(), 1.5 / prescribed);
}

TEST(HuggingFaceConfig, RefusesWhatIsNoConfig) {
  expectError("", "is no valid JSON at byte");
  expectError("[1]", "is an array, expected an object");
  expectError("{\"a\":1,\"a\":1}", "names the member 'a' twice");
  expectError(std::string(200000, '['), "nests values more than 64 deep");
  expectError(R"({"vocab_size": 1e999})", "is no valid JSON");
  expectError(R"({"a": "\ud800"})", "is no valid JSON");
  expectError("{}", "the architecture '' is not supported; supported: "
                    "LlamaForCausalLM");
}

TEST(HuggingFaceConfig, RefusesOtherArchitectures) {
  expectErrorWith("architectures", {"Qwen2ForCausalLM"},
                  "the architecture 'Qwen2ForCausalLM' is not supported; "
                  "supported: LlamaForCausalLM");
  expectErrorWith("architectures", {"LlamaForSequenceClassification"},
                  "'LlamaForSequenceClassification' is not supported");
  json config = llama3();
  config.erase("architectures");
  config["model_type"] = "gemma";
  expectError(config.dump(), "the architecture 'gemma' is not supported");
}

TEST(HuggingFaceConfig, RefusesWhatNoBuilderKnows) {
  expectErrorWith("attention_bias", true, "'attention_bias' is true");
  expectErrorWith("mlp_bias", true, "'mlp_bias' is true");
  expectErrorWith("sliding_window", 4096, "'sliding_window' limits attention");
  expectErrorWith("hidden_act", "gelu", "the activation 'gelu'");
  expectErrorWith("quantization_config", {{"quant_method", "gptq"}},
                  "already quantised ('gptq' in 'quantization_config')");
  expectErrorWith("head_dim", 15, "heads have 15 elements");
  expectErrorWith("num_key_value_heads", 3, "which does not divide");
  json config = llama3();
  config.erase("head_dim");
  config["num_attention_heads"] = config["num_key_value_heads"] = 5;
  expectError(config.dump(), "a hidden size of 64 over 5 heads");
}

TEST(HuggingFaceConfig, RefusesNumbersOfOtherTypesAndRanges) {
  expectErrorWith("vocab_size", nullptr, "'vocab_size' is missing");
  expectErrorWith("vocab_size", "320", "'vocab_size' is a string");
  expectErrorWith("vocab_size", 320.5, "'vocab_size' is a number");
  expectErrorWith("vocab_size", 0, "must be from 1 to 2^31, found 0");
  expectErrorWith("num_hidden_layers", int64_t(1) << 40, "from 1 to 2^31");
  expectErrorWith("num_hidden_layers", UINT64_MAX, "is larger than any number");
  expectErrorWith("rms_norm_eps", 0, "'rms_norm_eps' must be above 0");
  expectErrorWith("rms_norm_eps", "1e-5", "is a string, expected a number");
  expectErrorWith("tie_word_embeddings", 1, "expected true or false");
  expectErrorWith("architectures", "LlamaForCausalLM", "expected an array");
}

TEST(HuggingFaceConfig, RefusesOtherScalingsOfRoPE) {
  auto expectRopeError = [](const json &rope, const std::string &part) {
    expectErrorWith("rope_parameters", rope, part);
  };
  expectRopeError({{"rope_type", "longrope"}},
                  "the RoPE scaling 'longrope' is not supported; supported: "
                  "default, linear, yarn, llama3");
  expectRopeError({{"rope_type", "dynamic"}, {"factor", 2}}, "'dynamic'");
  expectRopeError({{"rope_type", "linear"}}, "'factor' is missing");
  expectRopeError({{"rope_type", "linear"}, {"factor", 0}}, "must be above 0");
  expectRopeError({{"rope_type", "yarn"}, {"factor", 0.5}}, "at least 1");
  expectRopeError({{"rope_type", "yarn"}, {"factor", 2}, {"truncate", false}},
                  "'truncate' false");
  expectRopeError({{"rope_type", "llama3"},
                   {"factor", 8},
                   {"low_freq_factor", 4},
                   {"high_freq_factor", 4}},
                  "high_freq_factor above low_freq_factor");
  expectRopeError({{"rope_type", 3}}, "'rope_parameters.rope_type' is a whole");
  expectRopeError({{"rope_theta", 1}}, "'rope_theta' must be above 1");
  expectRopeError({{"partial_rotary_factor", 1.5}}, "must be up to 1");
  expectRopeError(json::array(), "'rope_parameters' is an array");
}

} // namespace
