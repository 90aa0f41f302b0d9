//===- Gemma3Test.cpp - from GGUF files of Gemma 3 to the picollm dialect -===//

#include "GGUFWriter.h"
#include "PicoLLM/Model/Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/Importer.h"
#include "picollm/Import/ModelFile.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// The file of a model of 4 x 8 heads over 16 columns, weights of zeros.
GGUFWriter tinyGemma3(uint32_t layers) {
  GGUFWriter file;
  auto set = [&](const std::string &key, auto value) {
    file.set("gemma3." + key, value);
  };
  file.set("general.architecture", "gemma3");
  set("context_length", uint32_t(64));
  set("block_count", layers);
  set("embedding_length", uint32_t(16));
  set("feed_forward_length", uint32_t(24));
  set("attention.head_count", uint32_t(4));
  set("attention.head_count_kv", uint32_t(2));
  set("attention.key_length", uint32_t(8));
  set("attention.value_length", uint32_t(8));
  set("attention.layer_norm_rms_epsilon", 1e-6f);
  set("attention.sliding_window", uint32_t(5));
  set("rope.freq_base", 1e6f);
  auto vector = [&](const std::string &name, uint64_t size) {
    file.addF32(name + ".weight", {size}, std::vector<float>(size));
  };
  auto matrix = [&](const std::string &name, uint64_t rows, uint64_t columns) {
    file.addF32(name + ".weight", {columns, rows},
                std::vector<float>(rows * columns));
  };
  matrix("token_embd", 40, 16);
  for (uint32_t layer = 0; layer < layers; ++layer) {
    std::string block = "blk." + std::to_string(layer) + ".";
    for (const char *name :
         {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"})
      vector(block + name, 16);
    vector(block + "attn_q_norm", 8);
    vector(block + "attn_k_norm", 8);
    matrix(block + "attn_q", 32, 16);
    matrix(block + "attn_k", 16, 16);
    matrix(block + "attn_v", 16, 16);
    matrix(block + "attn_output", 16, 32);
    matrix(block + "ffn_gate", 24, 16);
    matrix(block + "ffn_up", 24, 16);
    matrix(block + "ffn_down", 16, 24);
  }
  vector("output_norm", 16);
  return file;
}

class Gemma3 : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> name;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("gemma", "gguf", name));
    path = name.str().str();
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  tryImport(const GGUFWriter &file) {
    file.write(path);
    auto opened = openModelFile(path);
    if (!opened)
      return opened.takeError();
    return importModel(**opened, context);
  }
  mlir::OwningOpRef<mlir::ModuleOp> import(const GGUFWriter &file) {
    auto module = tryImport(file);
    if (module)
      return std::move(*module);
    ADD_FAILURE() << llvm::toString(module.takeError());
    return nullptr;
  }
  void expectError(const GGUFWriter &file, const std::string &part) {
    auto module = tryImport(file);
    ASSERT_FALSE(bool(module)) << "expected the error '" << part << "'";
    std::string message = llvm::toString(module.takeError());
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }

  /// Of every layer, 0 for none.
  std::vector<int64_t> windowsOf(mlir::ModuleOp module) {
    std::vector<int64_t> windows;
    module.walk([&](model::AttentionOp op) {
      windows.push_back(op.getWindow().value_or(0));
    });
    return windows;
  }

  mlir::MLIRContext context;
  std::string path;
};

TEST_F(Gemma3, WritesTheForwardFunction) {
  auto module = import(tinyGemma3(1));
  ASSERT_TRUE(module);
  auto forward = module->lookupSymbol<mlir::func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  std::vector<std::string> names;
  for (mlir::Operation &op : forward.front())
    names.push_back(op.getName().stripDialect().str());
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "embedding", "rms_norm", "linear", "linear",    "linear", "rms_norm",
          "rms_norm",  "rotary",   "rotary", "attention", "linear", "rms_norm",
          "add",       "rms_norm", "linear", "linear",    "gated",  "linear",
          "rms_norm",  "add",      "wanted", "rms_norm",  "logits", "return"}));
  forward.walk([](model::EmbeddingOp op) {
    EXPECT_DOUBLE_EQ(op.getScale()->convertToDouble(), 4);
  });
  forward.walk([](model::AttentionOp op) {
    EXPECT_DOUBLE_EQ(op.getScale().convertToDouble(), 1 / std::sqrt(8.0));
  });
  forward.walk([](model::GatedOp op) {
    EXPECT_EQ(op.getFunction(), model::GateFunction::GeLUTanh);
  });
  std::vector<int64_t> heads;
  forward.walk(
      [&](model::RMSNormOp op) { heads.push_back(op.getHeads().value_or(0)); });
  EXPECT_EQ(heads, (std::vector<int64_t>{0, 4, 2, 0, 0, 0, 0}));
  // The rows of q and k lie as they are.
  for (auto weight : module->getOps<model::WeightOp>())
    EXPECT_FALSE(weight.getInterleavedHeads());
}

TEST_F(Gemma3, EverySixthLayerAttendsToAll) {
  auto module = import(tinyGemma3(13));
  ASSERT_TRUE(module);
  EXPECT_EQ(windowsOf(*module),
            (std::vector<int64_t>{5, 5, 5, 5, 5, 0, 5, 5, 5, 5, 5, 0, 5}));
}

TEST_F(Gemma3, PatternAndBaseOfTheFileCount) {
  GGUFWriter file = tinyGemma3(4);
  file.set("gemma3.attention.sliding_window_pattern", uint32_t(2));
  file.set("gemma3.rope.freq_base_swa", 500.0f);
  file.set("gemma3.rope.scaling.type", "linear");
  file.set("gemma3.rope.scaling.factor", 8.0f);
  auto module = import(file);
  ASSERT_TRUE(module);
  EXPECT_EQ(windowsOf(*module), (std::vector<int64_t>{5, 0, 5, 0}));
  std::vector<double> second; // frequencies, of q of every layer
  module->walk([&](model::RotaryOp op) {
    if (op.getHeads() == 4)
      second.push_back(op.getRotation().getFrequencies()[1]);
  });
  // Only layers that attend to all are stretched.
  const double local = std::pow(500, -0.25), global = std::pow(1e6, -0.25) / 8;
  ASSERT_EQ(second.size(), 4u);
  for (int layer : {0, 1, 2, 3})
    EXPECT_NEAR(second[layer] / (layer % 2 ? global : local), 1, 1e-12);
}

TEST_F(Gemma3, WithoutAWindowEveryLayerAttendsToAll) {
  GGUFWriter file = tinyGemma3(2);
  file.erase("gemma3.attention.sliding_window");
  auto module = import(file);
  ASSERT_TRUE(module);
  EXPECT_EQ(windowsOf(*module), (std::vector<int64_t>{0, 0}));
}

TEST_F(Gemma3, TheLargestModelIsToldByItsLayers) {
  auto module = import(tinyGemma3(62));
  ASSERT_TRUE(module);
  module->walk([](model::AttentionOp op) {
    EXPECT_DOUBLE_EQ(op.getScale().convertToDouble(), 0.5); // 16 / 4 columns
  });
}

TEST_F(Gemma3, RefusesWhatItDoesNotBuild) {
  GGUFWriter file = tinyGemma3(1);
  file.set("gemma3.final_logit_softcapping", 30.0f);
  expectError(file, "bounds scores or logits by a tanh (soft-capping)");
  file = tinyGemma3(1);
  file.set("gemma3.attn_logit_softcapping", 50.0f);
  expectError(file, "(soft-capping), which is not supported");
  file = tinyGemma3(1);
  file.set("gemma3.rope.dimension_count", uint32_t(4));
  expectError(file, "rotates 4 of the 8 elements of a head");
  file = tinyGemma3(1);
  file.set("gemma3.attention.sliding_window_pattern", uint32_t(5000));
  expectError(file, "'gemma3.attention.sliding_window_pattern' is 5000, "
                    "expected at most 1024");
  file = tinyGemma3(1);
  file.set("gemma3.rope.freq_base_swa", 0.5f);
  expectError(file, "'gemma3.rope.freq_base_swa' must be above 1");
  file = tinyGemma3(1);
  file.eraseTensor("blk.0.post_ffw_norm.weight");
  expectError(file, "tensor 'blk.0.post_ffw_norm.weight' is missing");
}

} // namespace
