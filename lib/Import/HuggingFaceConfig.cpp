//===- HuggingFaceConfig.cpp - the numbers of config.json -----------------===//
//
// Names and defaults are those of LlamaConfig and Gemma3TextConfig of
// transformers; the parameters of RoPE are in "rope_theta" and "rope_scaling"
// up to version 4 and together in "rope_parameters" from version 5 on
// (modeling_rope_utils.py), where Gemma has them for each kind of layer.
//
//===----------------------------------------------------------------------===//

#include "picollm/Import/HuggingFace.h"
#include "picollm/Support/Json.h"
#include "picollm/Support/Quote.h"
#include <cmath>

using namespace picollm;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

/// Architectures by their name in config.json and in ModelFile.
struct Architecture {
  llvm::StringLiteral name;
  llvm::StringLiteral modelType;
  llvm::StringLiteral family;
};
constexpr Architecture architectures[] = {
    {"LlamaForCausalLM", "llama", "llama"},
    {"Gemma3ForCausalLM", "gemma3_text", "gemma3"},
};

class ConfigReader {
public:
  ConfigReader(const Json &config, std::string path)
      : config(&config, std::move(path), error) {}

  Expected<HuggingFaceDescription> read();

private:
  void readArchitecture();
  bool isGemma3() const { return result.architecture == "gemma3"; }
  void refuseUnsupported();
  void readHeads();
  void readRotary();
  void readRotary(JsonReader rope, double base, RotaryDescription &rotary);
  void readLinear(JsonReader &rope, RotaryDescription &rotary);
  void readYaRN(JsonReader &rope, RotaryDescription &rotary);
  void readLlama3(JsonReader &rope, RotaryDescription &rotary);
  void readGemma3();
  void readLayerTypes();

  /// A whole number from 1 to 2^31; where it is absent `otherwise`, or an
  /// error.
  int64_t readCount(JsonReader &from, StringRef key,
                    std::optional<int64_t> otherwise = {});
  /// A positive number.
  double readNumber(JsonReader &from, StringRef key,
                    std::optional<double> otherwise = {});

  std::string error;
  JsonReader config;
  HuggingFaceDescription result;
};

} // namespace

int64_t ConfigReader::readCount(JsonReader &from, StringRef key,
                                std::optional<int64_t> otherwise) {
  if (!from.has(key) && otherwise)
    return *otherwise;
  if (!from.has(key))
    from.fail(quote(key) + " is missing");
  std::optional<int64_t> count = from.integer(key);
  if (count && *count >= 1 && *count <= (int64_t(1) << 31))
    return *count;
  if (count)
    from.fail(quote(key) + " must be from 1 to 2^31, found " + Twine(*count));
  return 1;
}

double ConfigReader::readNumber(JsonReader &from, StringRef key,
                                std::optional<double> otherwise) {
  if (!from.has(key) && otherwise)
    return *otherwise;
  if (!from.has(key))
    from.fail(quote(key) + " is missing");
  std::optional<double> number = from.number(key);
  if (number && *number > 0)
    return *number;
  if (number)
    from.fail(quote(key) + " must be above 0, found " +
              std::to_string(*number));
  return 1;
}

void ConfigReader::readArchitecture() {
  std::string name;
  if (const Json *list = config.array("architectures"); list && !list->empty())
    if (const auto *first = list->front().get_ptr<const std::string *>())
      name = *first;
  std::string modelType = config.string("model_type").value_or("");
  std::string known;
  for (const Architecture &architecture : architectures) {
    if (name.empty() ? modelType == architecture.modelType
                     : name == architecture.name)
      result.architecture = architecture.family.str();
    known += (known.empty() ? "" : ", ") + architecture.name.str();
  }
  if (result.architecture.empty())
    config.fail("the architecture " + quote(name.empty() ? modelType : name) +
                " is not supported; supported: " + known);
}

void ConfigReader::refuseUnsupported() {
  if (config.has("quantization_config")) {
    JsonReader quantization = config.object("quantization_config");
    config.fail("the weights are already quantised (" +
                quote(quantization.string("quant_method").value_or("unnamed")) +
                " in 'quantization_config'), which is not supported; take the "
                "original model");
  }
  for (StringRef key : {"attention_bias", "mlp_bias"})
    if (config.boolean(key).value_or(false))
      config.fail(quote(key) + " is true, but biases are not supported");
  if (isGemma3()) {
    std::string activation =
        config.string("hidden_activation").value_or("gelu_pytorch_tanh");
    if (activation != "gelu_pytorch_tanh")
      config.fail("the activation " + quote(activation) +
                  " is not supported; supported for Gemma 3: "
                  "gelu_pytorch_tanh");
    if (config.boolean("use_bidirectional_attention").value_or(false))
      config.fail(
          "'use_bidirectional_attention' is true, but only attention to "
          "what came before is supported");
    return;
  }
  if (config.has("sliding_window") &&
      config.boolean("use_sliding_window").value_or(true))
    config.fail("'sliding_window' limits attention, which is not supported");
  std::string activation = config.string("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish")
    config.fail("the activation " + quote(activation) +
                " is not supported; supported: silu");
}

void ConfigReader::readHeads() {
  ModelDescription &model = result.model;
  model.heads = readCount(config, "num_attention_heads");
  model.kvHeads = readCount(config, "num_key_value_heads", model.heads);
  if (model.heads % model.kvHeads)
    config.fail(Twine(model.heads) + " heads share " + Twine(model.kvHeads) +
                " heads of keys and values, which does not divide");
  if (!config.has("head_dim") && !isGemma3() && model.embedding % model.heads)
    config.fail("a hidden size of " + Twine(model.embedding) + " over " +
                Twine(model.heads) + " heads does not divide");
  model.headSize = readCount(
      config, "head_dim",
      isGemma3() ? 256 : std::max<int64_t>(model.embedding / model.heads, 1));
  if (model.headSize % 2 || model.headSize > 65536)
    config.fail("heads have " + Twine(model.headSize) +
                " elements, expected an even number up to 65536");
}

void ConfigReader::readLinear(JsonReader &rope, RotaryDescription &rotary) {
  rotary.factor = readNumber(rope, "factor");
  rotary.scaling = RotaryScaling::Linear;
}

void ConfigReader::readYaRN(JsonReader &rope, RotaryDescription &rotary) {
  rotary.scaling = RotaryScaling::YaRN;
  rotary.originalContext =
      readCount(rope, "original_max_position_embeddings", result.model.context);
  rotary.factor =
      readNumber(rope, "factor",
                 double(result.model.context) / double(rotary.originalContext));
  rotary.betaFast = readNumber(rope, "beta_fast", 32);
  rotary.betaSlow = readNumber(rope, "beta_slow", 1);
  if (rotary.factor < 1 || rotary.betaFast <= rotary.betaSlow)
    rope.fail("the RoPE scaling 'yarn' needs a factor of at least 1 and "
              "beta_fast above beta_slow");
  if (!rope.boolean("truncate").value_or(true))
    rope.fail("the RoPE scaling 'yarn' with 'truncate' false is not supported");

  // The factor on cosine and sine; RotaryDescription has it relative to what
  // the paper prescribes.
  auto prescribed = [&](double scale) {
    return 0.1 * scale * std::log(rotary.factor) + 1;
  };
  double wanted = prescribed(1);
  if (rope.has("attention_factor"))
    wanted = readNumber(rope, "attention_factor");
  else if (rope.has("mscale") && rope.has("mscale_all_dim"))
    wanted = prescribed(readNumber(rope, "mscale")) /
             prescribed(readNumber(rope, "mscale_all_dim"));
  rotary.attentionFactor = wanted / prescribed(1);
}

/// What each frequency is divided by: 1 for those that turn often over the
/// original context, `factor` for those that turn rarely (Llama 3.1, model
/// card of Meta).
void ConfigReader::readLlama3(JsonReader &rope, RotaryDescription &rotary) {
  double factor = readNumber(rope, "factor");
  double low = readNumber(rope, "low_freq_factor");
  double high = readNumber(rope, "high_freq_factor");
  double original = double(readCount(rope, "original_max_position_embeddings",
                                     result.model.context));
  if (high <= low)
    rope.fail("the RoPE scaling 'llama3' needs high_freq_factor above "
              "low_freq_factor");
  const double pi = 3.14159265358979323846;
  for (int64_t i = 0; i < rotary.dimensions / 2 && !rope.failed(); ++i) {
    double frequency =
        std::pow(rotary.base, -2.0 * double(i) / double(rotary.dimensions));
    double turns = original * frequency / (2 * pi);
    double kept = (turns - low) / (high - low);
    double divisor = 1 / ((1 - kept) / factor + kept);
    if (turns < low)
      divisor = factor;
    else if (turns > high)
      divisor = 1;
    rotary.factors.push_back(float(divisor)); // as in GGUF's rope_freqs.weight
  }
}

void ConfigReader::readRotary() {
  bool isVersion4 = config.has("rope_scaling");
  JsonReader rope =
      config.object(isVersion4 ? "rope_scaling" : "rope_parameters");
  double base = readNumber(config, "rope_theta", isGemma3() ? 1000000 : 10000);
  if (!isGemma3())
    return readRotary(rope, base, result.model.rotary);
  // Up to version 4 only layers that attend to all are stretched.
  double localBase = readNumber(config, "rope_local_base_freq", 10000);
  bool isByType = rope.has("full_attention") || rope.has("sliding_attention");
  JsonReader none(nullptr, "", error);
  readRotary(isByType ? rope.object("full_attention") : rope, base,
             result.model.rotary);
  readRotary(isByType ? rope.object("sliding_attention") : none, localBase,
             result.model.local.rotary);
}

void ConfigReader::readRotary(JsonReader rope, double base,
                              RotaryDescription &rotary) {
  rotary.base = readNumber(rope, "rope_theta", base);
  if (rotary.base <= 1)
    rope.fail("'rope_theta' must be above 1, found " +
              std::to_string(rotary.base));
  double part = readNumber(rope, "partial_rotary_factor",
                           readNumber(config, "partial_rotary_factor", 1));
  if (part > 1)
    rope.fail("'partial_rotary_factor' must be up to 1, found " +
              std::to_string(part));
  rotary.dimensions = rope.failed()
                          ? result.model.headSize
                          : int64_t(double(result.model.headSize) * part);

  std::string type = rope.string("rope_type")
                         .value_or(rope.string("type").value_or("default"));
  if (rope.failed() || type == "default")
    return;
  if (type == "linear")
    readLinear(rope, rotary);
  else if (type == "yarn")
    readYaRN(rope, rotary);
  else if (type == "llama3")
    readLlama3(rope, rotary);
  else
    rope.fail("the RoPE scaling " + quote(type) +
              " is not supported; supported: default, linear, yarn, llama3");
}

/// Which layers are local: a list of all, or a period whose last one is not.
void ConfigReader::readLayerTypes() {
  LocalAttention &local = result.model.local;
  if (const Json *types = config.array("layer_types")) {
    if (int64_t(types->size()) != result.model.layers)
      config.fail("'layer_types' has " + Twine(types->size()) +
                  " entries, expected " + Twine(result.model.layers) +
                  ", one for every layer");
    for (const Json &type : *types) {
      if (type != "sliding_attention" && type != "full_attention")
        config.fail("'layer_types' may hold 'sliding_attention' and "
                    "'full_attention'; other layers are not supported");
      local.pattern.push_back(type == "sliding_attention");
    }
    return;
  }
  StringRef key = "sliding_window_pattern";
  int64_t period =
      readCount(config, key, readCount(config, "_sliding_window_pattern", 6));
  if (period > 1024)
    config.fail(quote(key) + " is " + Twine(period) +
                ", expected at most 1024");
  else
    local.pattern.assign(size_t(period - 1), true);
  local.pattern.push_back(false);
}

void ConfigReader::readGemma3() {
  ModelDescription &model = result.model;
  model.local.window = readCount(config, "sliding_window", 4096);
  readLayerTypes();
  model.attentionScale =
      1 / std::sqrt(readNumber(config, "query_pre_attn_scalar", 256));
  if (config.has("attn_logit_softcapping"))
    model.attentionSoftcap = readNumber(config, "attn_logit_softcapping");
  if (config.has("final_logit_softcapping"))
    model.logitSoftcap = readNumber(config, "final_logit_softcapping");
}

Expected<HuggingFaceDescription> ConfigReader::read() {
  ModelDescription &model = result.model;
  readArchitecture();
  if (!config.failed())
    refuseUnsupported();
  model.vocabulary = readCount(config, "vocab_size");
  model.context =
      readCount(config, "max_position_embeddings", isGemma3() ? 131072 : 2048);
  model.layers = readCount(config, "num_hidden_layers");
  model.embedding = readCount(config, "hidden_size");
  model.feedForward = readCount(config, "intermediate_size");
  // transformers adds it to numbers in float32.
  model.normEpsilon = float(readNumber(config, "rms_norm_eps", 1e-6));
  result.tiedHead = config.boolean("tie_word_embeddings").value_or(isGemma3());
  readHeads();
  readRotary();
  if (isGemma3())
    readGemma3();
  if (config.failed())
    return createStringError(Twine(error));
  return std::move(result);
}

Expected<HuggingFaceDescription>
picollm::describeHuggingFaceModel(const HuggingFaceTexts &texts) {
  std::string path = (texts.folder + "/config.json").str();
  Expected<Json> config = parseJson(texts.config, path + ":");
  if (!config)
    return config.takeError();
  return ConfigReader(*config, path).read();
}
