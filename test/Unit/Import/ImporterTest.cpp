//===- ImporterTest.cpp - from GGUF files to the picollm dialect ----------===//

#include "picollm/Import/Importer.h"
#include "PicoLLM/Model/Model.h"
#include "TinyLlama.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "picollm/Import/ModelFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

class ImporterTest : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> name;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("model", "gguf", name));
    path = name.str().str();
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  /// Null (and a failure) if the model cannot be imported.
  mlir::OwningOpRef<mlir::ModuleOp> import(const GGUFWriter &file) {
    file.write(path);
    auto module = importModel(path, context, tokenizer);
    if (module)
      return std::move(*module);
    ADD_FAILURE() << llvm::toString(module.takeError());
    return nullptr;
  }

  /// What importing the bytes says; must be one line that starts with the path.
  std::string errorOfBytes(const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    TokenizerData data;
    auto module = importModel(path, context, data);
    if (module)
      return "";
    std::string message = llvm::toString(module.takeError());
    EXPECT_EQ(message.find(path + ": "), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }

  void expectError(const GGUFWriter &file, const std::string &part) {
    std::string message = errorOfBytes(file.bytes());
    EXPECT_NE(message.find(part), std::string::npos)
        << "expected '" << part << "' in: " << message;
  }

  /// The angles of the first rotary op.
  model::RotationAttr rotationOf(const GGUFWriter &file) {
    model::RotationAttr rotation;
    if (auto module = import(file))
      module->walk([&](model::RotaryOp op) { rotation = op.getRotation(); });
    return rotation;
  }

  void expectFrequencies(model::RotationAttr rotation,
                         const std::vector<double> &expected) {
    ASSERT_TRUE(rotation);
    llvm::ArrayRef<double> actual = rotation.getFrequencies();
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i] / expected[i], 1, 1e-12) << "pair " << i;
  }

  mlir::MLIRContext context;
  TokenizerData tokenizer;
  std::string path;
};

TEST_F(ImporterTest, WritesTheForwardFunctionOfLlama) {
  auto module = import(TinyLlama().writer());
  ASSERT_TRUE(module);
  auto config = (*module)->getAttrOfType<model::ConfigAttr>("picollm.config");
  ASSERT_TRUE(config);
  EXPECT_EQ(config.getName(), "tiny");
  EXPECT_EQ(config.getArchitecture(), "llama");
  EXPECT_EQ(config.getVocabulary(), 40);
  EXPECT_EQ(config.getContextLength(), 64);
  EXPECT_EQ(config.getLayers(), 2);
  EXPECT_EQ(config.getEmbedding(), 32);
  EXPECT_EQ(config.getHeads(), 4);
  EXPECT_EQ(config.getKvHeads(), 2);
  EXPECT_EQ(config.getHeadSize(), 8);

  auto forward = module->lookupSymbol<mlir::func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  std::vector<std::string> names;
  for (mlir::Operation &op : forward.front())
    names.push_back(op.getName().stripDialect().str());
  std::vector<std::string> layer = {
      "rms_norm", "linear",    "linear", "linear", "rotary",
      "rotary",   "attention", "linear", "add",    "rms_norm",
      "linear",   "linear",    "gated",  "linear", "add"};
  std::vector<std::string> expected = {"embedding"};
  expected.insert(expected.end(), layer.begin(), layer.end());
  expected.insert(expected.end(), layer.begin(), layer.end());
  for (const char *name : {"wanted", "rms_norm", "logits", "return"})
    expected.push_back(name);
  EXPECT_EQ(names, expected);

  forward.walk([](model::AttentionOp op) {
    EXPECT_EQ(op.getHeads(), 4u);
    EXPECT_EQ(op.getKvHeads(), 2u);
    EXPECT_DOUBLE_EQ(op.getScale().convertToDouble(), 0.35355339059327379);
  });
}

TEST_F(ImporterTest, TheModuleCanBePrintedAndParsed) {
  auto module = import(TinyLlama().writer());
  ASSERT_TRUE(module);
  std::string text, again;
  llvm::raw_string_ostream(text) << **module;
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(parsed);
  llvm::raw_string_ostream(again) << **parsed;
  EXPECT_EQ(text, again);

  // The digits of the text must be enough: angles grow with the position.
  TinyLlama wide;
  wide.headSize = 64;
  model::RotationAttr rotation = rotationOf(wide.writer());
  text.clear();
  llvm::raw_string_ostream(text) << rotation;
  EXPECT_EQ(mlir::parseAttribute(text, &context), rotation);
}

TEST_F(ImporterTest, WeightsCanBeReadThroughTheirReferences) {
  GGUFWriter file = TinyLlama().writer();
  auto module = import(file);
  ASSERT_TRUE(module);
  WeightReader reader;
  size_t weights = 0;
  module->walk([&](model::WeightOp op) {
    ++weights;
    WeightSource source = toWeightSource(op);
    const GGUFWriter::Tensor *tensor = file.find(source.name);
    ASSERT_TRUE(tensor) << source.name;
    EXPECT_EQ(source.columns, int64_t(tensor->dimensions[0]));
    EXPECT_EQ(op.getSymName().contains("attn_q"), source.interleavedHeads == 4);
    EXPECT_EQ(op.getSymName().contains("attn_k"), source.interleavedHeads == 2);
    auto values = reader.read(source);
    ASSERT_TRUE(bool(values)) << llvm::toString(values.takeError());
    ASSERT_EQ(values->size() * sizeof(float), tensor->data.size());
    if (source.interleavedHeads == 0) {
      EXPECT_EQ(
          std::memcmp(values->data(), tensor->data.data(), tensor->data.size()),
          0);
      return;
    }
    // Row 1 of a head is row 2 of the file's, row 4 (the second half) row 1.
    size_t row = source.columns * sizeof(float);
    EXPECT_EQ(std::memcmp(&(*values)[source.columns],
                          tensor->data.data() + 2 * row, row),
              0);
    EXPECT_EQ(std::memcmp(&(*values)[4 * source.columns],
                          tensor->data.data() + row, row),
              0);
  });
  EXPECT_EQ(weights, 1 + 2 * 9 + 1u);
}

TEST_F(ImporterTest, RelativeReferencesAreTakenFromTheDirectoryOfTheIR) {
  auto module = import(TinyLlama().writer());
  ASSERT_TRUE(module);
  auto weight = *module->getOps<model::WeightOp>().begin();
  EXPECT_EQ(toWeightSource(weight, "elsewhere").file, path);
  weight.setRefAttr(
      model::WeightRefAttr::get(&context, "w.gguf", 0, 4, "f32", ""));
  EXPECT_EQ(toWeightSource(weight, "dir").file, "dir/w.gguf");
  EXPECT_EQ(toWeightSource(weight).file, "w.gguf");
}

TEST_F(ImporterTest, HeadIsTheEmbeddingUnlessTheFileHasOne) {
  for (bool tied : {true, false}) {
    TinyLlama tiny;
    tiny.tied = tied;
    auto module = import(tiny.writer());
    ASSERT_TRUE(module);
    module->walk([&](model::LogitsOp op) {
      EXPECT_EQ(op.getWeight(), tied ? "token_embd.weight" : "output.weight");
    });
  }
}

TEST_F(ImporterTest, HeadSizeMayDifferFromTheEmbeddingsShare) {
  TinyLlama tiny;
  tiny.headSize = 16;
  auto module = import(tiny.writer());
  ASSERT_TRUE(module);
  module->walk([](model::AttentionOp op) {
    EXPECT_DOUBLE_EQ(op.getScale().convertToDouble(), 0.25);
  });
}

TEST_F(ImporterTest, KvHeadsAreTheHeadsWhereNotSaid) {
  TinyLlama tiny;
  tiny.kvHeads = 4;
  GGUFWriter file = tiny.writer();
  file.erase("llama.attention.head_count_kv");
  auto module = import(file);
  ASSERT_TRUE(module);
  module->walk([](model::AttentionOp op) { EXPECT_EQ(op.getKvHeads(), 4u); });
}

TEST_F(ImporterTest, ReadsTheTokenizer) {
  ASSERT_TRUE(import(TinyLlama().writer()));
  EXPECT_EQ(tokenizer.model, "gpt2");
  EXPECT_EQ(tokenizer.preTokenizer, "smollm");
  ASSERT_EQ(tokenizer.tokens.size(), 40u);
  EXPECT_EQ(tokenizer.tokens[0], "<|endoftext|>");
  EXPECT_EQ(tokenizer.types[0], TokenType::Control);
  EXPECT_EQ(tokenizer.types[2], TokenType::Normal);
  ASSERT_EQ(tokenizer.merges.size(), 1u);
  EXPECT_EQ(tokenizer.merges[0].first, "#");
  EXPECT_EQ(tokenizer.merges[0].second, "$");
  EXPECT_EQ(tokenizer.eos, 0u);
  EXPECT_EQ(tokenizer.eot, 1u) << "known by its spelling";
  EXPECT_EQ(tokenizer.padding, std::nullopt);
  EXPECT_EQ(tokenizer.addBos, false);
  EXPECT_EQ(tokenizer.addEos, std::nullopt);
  EXPECT_EQ(tokenizer.chatTemplate, "{{ messages }}");
}

TEST_F(ImporterTest, AModelMayHaveNoTokenizer) {
  GGUFWriter file = TinyLlama().writer();
  file.erase("tokenizer.ggml.model");
  file.erase("tokenizer.ggml.tokens");
  auto module = import(file);
  ASSERT_TRUE(module);
  EXPECT_EQ(tokenizer.model, "");
  auto config = (*module)->getAttrOfType<model::ConfigAttr>("picollm.config");
  EXPECT_EQ(config.getVocabulary(), 40);
}

//===-- Rotary embeddings
//---------------------------------------------------===//

TEST_F(ImporterTest, RotaryFrequenciesFallGeometrically) {
  model::RotationAttr rotation = rotationOf(TinyLlama().writer());
  expectFrequencies(rotation, {1, 0.1, 0.01, 0.001});
  EXPECT_EQ(rotation.getScale().getValueAsDouble(), 1);
}

TEST_F(ImporterTest, LinearScalingDividesFrequencies) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.rope.scaling.type", "linear");
  file.set("llama.rope.scaling.factor", 4.0f);
  expectFrequencies(rotationOf(file), {0.25, 0.025, 0.0025, 0.00025});
  file.erase("llama.rope.scaling.type");
  file.erase("llama.rope.scaling.factor");
  file.set("llama.rope.scale_linear", 2.0f); // as old files have it
  expectFrequencies(rotationOf(file), {0.5, 0.05, 0.005, 0.0005});
  file.set("llama.rope.scaling.type", "none");
  expectFrequencies(rotationOf(file), {1, 0.1, 0.01, 0.001});
}

TEST_F(ImporterTest, FactorsOfLlama3DivideFrequencies) {
  GGUFWriter file = TinyLlama().writer();
  file.addF32("rope_freqs.weight", {4}, {1, 2, 4, 8});
  expectFrequencies(rotationOf(file), {1, 0.05, 0.0025, 0.000125});
}

// Expected numbers: transformers' formula (_compute_yarn_parameters).
TEST_F(ImporterTest, YaRNStretchesSlowPairs) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.rope.scaling.type", "yarn");
  file.set("llama.rope.scaling.factor", 4.0f);
  file.set("llama.rope.scaling.original_context_length", uint32_t(64));
  model::RotationAttr rotation = rotationOf(file);
  expectFrequencies(rotation, {1.0, 0.0625, 0.0025, 0.00025});
  EXPECT_DOUBLE_EQ(rotation.getScale().getValueAsDouble(), 1.138629436111989);

  TinyLlama wide;
  wide.headSize = 16;
  file = wide.writer();
  file.set("llama.rope.freq_base", 100000.0f);
  file.set("llama.rope.scaling.type", "yarn");
  file.set("llama.rope.scaling.factor", 8.0f);
  file.set("llama.rope.scaling.original_context_length", uint32_t(4096));
  rotation = rotationOf(file);
  expectFrequencies(rotation, {1.0, 0.23713737056616555, 0.056234132519034905,
                               0.00944577681115688, 0.0013176156917368248,
                               9.373677616655697e-05, 2.2228492625486534e-05,
                               5.271206292857279e-06});
  EXPECT_DOUBLE_EQ(rotation.getScale().getValueAsDouble(), 1.2079441541679836);
}

TEST_F(ImporterTest, RejectsUnknownScaling) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.rope.scaling.type", "longrope");
  expectError(file, "the RoPE scaling 'longrope' is not supported; supported: "
                    "none, linear, yarn");
}

TEST_F(ImporterTest, RejectsBadFactors) {
  GGUFWriter file = TinyLlama().writer();
  file.addF32("rope_freqs.weight", {4}, {1, 2, 0, 8});
  expectError(file, "expected positive factors");
  file.eraseTensor("rope_freqs.weight");
  file.addF32("rope_freqs.weight", {3}, {1, 2, 4});
  expectError(file, "one for each of the 4 rotated pairs");
}

TEST_F(ImporterTest, RejectsPartialRotation) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.rope.dimension_count", uint32_t(4));
  expectError(file, "rotates 4 of the 8 elements of a head");
}

//===-- Files that cannot be imported
//----------------------------------------===//

TEST_F(ImporterTest, ListsTheArchitecturesForAnUnknownOne) {
  GGUFWriter file;
  file.set("general.architecture", "mamba");
  EXPECT_EQ(errorOfBytes(file.bytes()),
            path + ": the architecture 'mamba' is not supported; supported: "
                   "llama, gemma3");
}

TEST_F(ImporterTest, NamesTheMissingTensor) {
  for (const char *name :
       {"token_embd.weight", "blk.1.ffn_up.weight", "output_norm.weight"}) {
    GGUFWriter file = TinyLlama().writer();
    file.eraseTensor(name);
    expectError(file, std::string("tensor '") + name + "' is missing");
  }
}

TEST_F(ImporterTest, NamesTheTensorOfAWrongShape) {
  GGUFWriter file = TinyLlama().writer();
  file.find("blk.1.ffn_down.weight")->dimensions = {32, 48};
  expectError(file, "tensor 'blk.1.ffn_down.weight' has 48 x 32 elements, "
                    "expected 32 x 48");
  file = TinyLlama().writer();
  file.set("llama.attention.head_count_kv", uint32_t(1));
  expectError(file, "tensor 'blk.0.attn_k.weight' has 16 x 32 elements, "
                    "expected 8 x 32");
}

TEST_F(ImporterTest, RejectsTensorsThatItWouldIgnore) {
  GGUFWriter file = TinyLlama().writer();
  file.addF32("blk.0.attn_q.bias", {32}, std::vector<float>(32));
  expectError(file, "tensor 'blk.0.attn_q.bias' is not part of");
  expectError(file, "biases are not supported");
}

TEST_F(ImporterTest, RejectsMixturesOfExperts) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.expert_count", uint32_t(8));
  expectError(file, "is a mixture of 8 experts");
}

TEST_F(ImporterTest, RejectsPartsOfASplitModel) {
  GGUFWriter file = TinyLlama().writer();
  file.set("split.count", uint32_t(3));
  expectError(file, "is one of 3 parts of a split model");
}

TEST_F(ImporterTest, NamesMissingAndSenselessMetadata) {
  for (const char *key :
       {"llama.context_length", "llama.block_count", "llama.embedding_length",
        "llama.feed_forward_length", "llama.attention.head_count"}) {
    GGUFWriter file = TinyLlama().writer();
    file.erase(key);
    expectError(file, std::string("'") + key + "' is missing");
    for (uint32_t value : {0u, 0xffffffffu}) {
      file.set(key, value);
      expectError(file, std::string("'") + key + "' must be a whole number");
    }
    file.set(key, "many");
    expectError(file, "found string");
    file.set(key, std::vector<int32_t>{1, 2});
    expectError(file, "is an array of int32, expected one number");
  }
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.attention.layer_norm_rms_epsilon", -1.0f);
  expectError(file, "must be a finite number");
  file = TinyLlama().writer();
  file.set("llama.rope.freq_base", 0.5f);
  expectError(file, "must be above 1");
  file = TinyLlama().writer();
  file.erase("general.architecture");
  expectError(file, "'general.architecture' is missing");
}

TEST_F(ImporterTest, RejectsHeadsThatDoNotDivide) {
  GGUFWriter file = TinyLlama().writer();
  file.set("llama.attention.head_count_kv", uint32_t(3));
  expectError(file, "4 heads over 3 heads of keys and values");
  file = TinyLlama().writer();
  file.set("llama.attention.head_count", uint32_t(6));
  file.set("llama.attention.head_count_kv", uint32_t(3));
  expectError(file, "an embedding of 32 over 6 heads");
  file = TinyLlama().writer();
  file.set("llama.attention.value_length", uint32_t(16));
  expectError(file, "keys of 8 and values of 16 elements");
  file.set("llama.attention.key_length", uint32_t(7));
  expectError(file, "elements");
}

TEST_F(ImporterTest, RejectsBrokenTokenizers) {
  GGUFWriter file = TinyLlama().writer();
  file.set("tokenizer.ggml.eos_token_id", uint32_t(40));
  expectError(file, "is token 40, but the vocabulary has 40 tokens");
  file = TinyLlama().writer();
  file.set("tokenizer.ggml.token_type", std::vector<int32_t>(39, 1));
  expectError(file, "39 token types for 40 tokens");
  file.set("tokenizer.ggml.token_type", std::vector<int32_t>(40, 7));
  expectError(file, "token 0 has an unknown type");
  file = TinyLlama().writer();
  file.set("tokenizer.ggml.merges", std::vector<std::string>{"ab"});
  expectError(file, "merge 0 of the tokenizer is 'ab'");
  file = TinyLlama().writer();
  file.set("tokenizer.ggml.tokens", uint32_t(1));
  expectError(file, "is of type uint32, expected array of string");
  file.erase("tokenizer.ggml.tokens");
  expectError(file, "no vocabulary");
}

TEST_F(ImporterTest, RejectsFilesOfOtherFormats) {
  EXPECT_NE(errorOfBytes("not a model").find("known: GGUF"), std::string::npos);
  EXPECT_NE(errorOfBytes("").find("known: GGUF"), std::string::npos);
  TokenizerData data;
  auto folder = importModel("/", context, data);
  ASSERT_FALSE(bool(folder));
  EXPECT_EQ(llvm::toString(folder.takeError()).find("/: is neither a file nor"),
            0u);
  auto missing = importModel("no-such.gguf", context, data);
  ASSERT_FALSE(bool(missing));
  EXPECT_EQ(llvm::toString(missing.takeError())
                .find("no-such.gguf: cannot be read: "),
            0u);
}

TEST_F(ImporterTest, FlippedBytesAndPrefixesNeverCrash) {
  TinyLlama tiny;
  tiny.layers = 1;
  tiny.vocabulary = 8;
  GGUFWriter file = tiny.writer();
  std::string bytes = file.bytes();
  size_t header = file.header().size();
  for (size_t i = 0; i < header; ++i) {
    std::string broken = bytes;
    broken[i] ^= char(0xff);
    errorOfBytes(broken);
  }
  for (size_t size = 0; size < header; size += 7)
    EXPECT_NE(errorOfBytes(bytes.substr(0, size)), "") << "prefix of " << size;
  EXPECT_NE(errorOfBytes(bytes.substr(0, bytes.size() - 1)), "");
}

} // namespace
