//===- HuggingFaceModelTest.cpp - folders, whole and broken ---------------===//

#include "HuggingFaceFolder.h"
#include "SafeTensorsWriter.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/HuggingFace.h"
#include "picollm/Import/Importer.h"
#include "picollm/Import/SafeTensors.h"

using namespace picollm;
using nlohmann::json;

namespace {

/// What importing says; one line. Empty: no error.
std::string importError(const std::string &path) {
  mlir::MLIRContext context;
  TokenizerData tokenizer;
  auto module = importModel(path, context, tokenizer);
  if (module)
    return "";
  std::string message = llvm::toString(module.takeError());
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

void expectError(const std::string &path, const std::string &part) {
  std::string message = importError(path);
  EXPECT_EQ(message.find(path), 0u) << message;
  EXPECT_NE(message.find(part), std::string::npos)
      << "expected '" << part << "' in: " << message;
}

/// The tensors of a file of the folder, to be changed and written again.
struct Tensors {
  Tensors(const HuggingFaceFolder &folder, const std::string &file)
      : bytes(folder.read(file)) {
    auto parsed = parseSafeTensors(llvm::MemoryBufferRef(bytes, file));
    EXPECT_TRUE(bool(parsed));
    if (parsed)
      list = std::move(*parsed);
  }

  std::string write() const {
    SafeTensorsWriter file;
    for (const SafeTensor &tensor : list)
      file.add(tensor.name, tensor.type,
               {tensor.shape.begin(), tensor.shape.end()},
               bytes.substr(tensor.offset, tensor.size));
    return file.bytes();
  }

  SafeTensor &find(const std::string &name) {
    for (SafeTensor &tensor : list)
      if (tensor.name == name)
        return tensor;
    ADD_FAILURE() << name;
    return list.front();
  }
  /// A tensor with the type, shape and bytes of `like`.
  void add(const std::string &name, const std::string &like) {
    SafeTensor copy = find(like);
    copy.name = name;
    list.push_back(copy);
  }
  void remove(const std::string &name) {
    llvm::erase_if(list, [&](auto &tensor) { return tensor.name == name; });
  }

  std::string bytes;
  std::vector<SafeTensor> list;
};

class TiedFolder : public testing::Test {
protected:
  /// Imports the folder after `change` to its tensors.
  void change(llvm::function_ref<void(Tensors &)> change) {
    Tensors tensors(folder, "model.safetensors");
    change(tensors);
    folder.write("model.safetensors", tensors.write());
  }

  const HuggingFaceFolder folder{"gqa-tied-f32"};
};

class ShardedFolder : public testing::Test {
protected:
  const HuggingFaceFolder folder{"mha-untied-f16"};
  const std::string index = "model.safetensors.index.json";
};

TEST_F(TiedFolder, IsNamedAfterItself) {
  for (const char *end : {"", "/", "//"}) {
    auto file = openModelFile(folder.path + end);
    ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
    auto description = (*file)->describe();
    ASSERT_TRUE(bool(description));
    EXPECT_EQ(description->name,
              std::filesystem::path(folder.path).filename().string());
    EXPECT_EQ((*file)->architecture(), "llama");
    EXPECT_FALSE((*file)->findTensor("output.weight"));
    auto table = (*file)->findTensor("token_embd.weight");
    ASSERT_TRUE(table);
    EXPECT_EQ(table->rows, 320);
    EXPECT_EQ(table->columns, 64);
    EXPECT_EQ(table->interleavedHeads, 0);
  }
}

TEST_F(TiedFolder, MayHoldACopyOfTheEmbeddingAsHead) {
  change([](Tensors &tensors) {
    tensors.add("lm_head.weight", "model.embed_tokens.weight");
  });
  EXPECT_EQ(importError(folder.path), "");
}

TEST_F(TiedFolder, MustNotHaveAnotherHead) {
  change([](Tensors &tensors) {
    tensors.add("lm_head.weight", "model.embed_tokens.weight");
    tensors.find("lm_head.weight").offset += 4;
  });
  expectError(folder.path, "'lm_head.weight' is not the embedding");
}

TEST_F(TiedFolder, MayHoldTheBuffersOfOldCheckpoints) {
  change([](Tensors &tensors) {
    tensors.add("model.layers.0.self_attn.rotary_emb.inv_freq",
                "model.norm.weight");
  });
  EXPECT_EQ(importError(folder.path), "");
}

TEST_F(TiedFolder, NeedsAHeadIfTheConfigDoesNotTieIt) {
  folder.set("config.json", "tie_word_embeddings", false);
  expectError(folder.path, "tensor 'lm_head.weight' is missing, and "
                           "'tie_word_embeddings' of config.json is not true");
}

TEST_F(TiedFolder, NamesMissingTensorsAsTheFileDoes) {
  change([](Tensors &tensors) {
    tensors.remove("model.layers.1.mlp.up_proj.weight");
  });
  expectError(folder.path,
              "tensor 'model.layers.1.mlp.up_proj.weight' is missing");
}

TEST_F(TiedFolder, RefusesTensorsOfMoreLayers) {
  folder.set("config.json", "num_hidden_layers", 1);
  expectError(folder.path, "tensor 'model.layers.1.input_layernorm.weight' is "
                           "not part of a model of the 'llama' family");
}

TEST_F(TiedFolder, RefusesShapesThatTheConfigDoesNotSay) {
  folder.set("config.json", "vocab_size", 321);
  expectError(folder.path, "tensor 'model.embed_tokens.weight' has 320 x 64 "
                           "elements, expected 321 x 64");
}

TEST_F(TiedFolder, RefusesTensorsThatItDoesNotKnow) {
  for (const char *name :
       {"token_embd.weight", "model.layers.01.mlp.up_proj.weight",
        "model.layers.-1.mlp.up_proj.weight", "model.layers.0.mlp.weight",
        "model.layers.99999999999.mlp.up_proj.weight", "model.layers.",
        "model.layers.0.self_attn.q_norm.weight"}) {
    change([&](Tensors &tensors) { tensors.add(name, "model.norm.weight"); });
    expectError(folder.path, "is not part of a model of the 'llama' family");
    change([&](Tensors &tensors) { tensors.remove(name); });
  }
  change([](Tensors &tensors) {
    tensors.add("model.layers.0.self_attn.q_proj.bias", "model.norm.weight");
  });
  expectError(folder.path, "biases are not supported");
}

TEST_F(TiedFolder, RefusesOtherTypes) {
  change(
      [](Tensors &tensors) { tensors.find("model.norm.weight").type = "I32"; });
  expectError(folder.path, "tensor 'model.norm.weight' has type I32, which the "
                           "importer does not read; expected F32, F16 or BF16");
}

TEST_F(TiedFolder, RefusesEmptyTensors) {
  change([](Tensors &tensors) {
    SafeTensor &norm = tensors.find("model.norm.weight");
    norm.shape = {0};
    norm.size = 0;
  });
  expectError(folder.path, "tensor 'model.norm.weight' has 1 x 0 elements");
  change([](Tensors &tensors) {
    tensors.find("model.norm.weight").shape = {INT64_MAX / 64, 0, 2};
  });
  expectError(folder.path, "tensor 'model.norm.weight' has");
}

TEST_F(TiedFolder, SaysWhatToDoAboutOtherWeights) {
  folder.remove("model.safetensors");
  expectError(folder.path, "has no weights; expected model.safetensors");
  folder.write("pytorch_model.bin", "x");
  expectError(folder.path, "has its weights in pytorch_model.bin, which is not "
                           "read; convert them to safetensors first");
}

TEST_F(TiedFolder, SaysThatTheFileIsPartOfAFolder) {
  expectError(folder.path + "/model.safetensors", "give the folder");
}

TEST_F(TiedFolder, SaysWhatToDoAboutOtherTokenizers) {
  folder.remove("tokenizer.json");
  EXPECT_EQ(importError(folder.path), "") << "a model without tokenizer";
  folder.write("tokenizer.model", "x");
  expectError(folder.path, "has its tokenizer in tokenizer.model");
}

TEST_F(TiedFolder, WithoutConfigIsNoModel) {
  folder.remove("config.json");
  expectError(folder.path, "is neither a file nor a folder with config.json");
}

TEST_F(TiedFolder, DamagedWeightsAreOneSentence) {
  const std::string bytes = folder.read("model.safetensors");
  for (size_t size :
       {size_t(0), size_t(9), bytes.size() / 2, bytes.size() - 1}) {
    folder.write("model.safetensors", bytes.substr(0, size));
    expectError(folder.path, "model.safetensors: ");
  }
}

TEST_F(ShardedFolder, TakesEveryTensorFromItsFile) {
  auto file = openModelFile(folder.path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  std::vector<std::string> files;
  for (const std::string &name : (*file)->tensorNames())
    files.push_back((*file)->findTensor(name)->file);
  llvm::sort(files);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  EXPECT_EQ(files.size(), 3u);
}

TEST_F(ShardedFolder, NeedsAllItsFiles) {
  folder.remove("model-00002-of-00003.safetensors");
  expectError(folder.path, "the file 'model-00002-of-00003.safetensors' that "
                           "it names is missing");
}

TEST_F(ShardedFolder, RefusesAnIndexThatContradictsTheFiles) {
  json map = folder.readJson(index)["weight_map"];
  json changed = map;
  changed["lm_head.weight"] = "model-00001-of-00003.safetensors";
  if (map["lm_head.weight"] == changed["lm_head.weight"])
    changed["lm_head.weight"] = "model-00002-of-00003.safetensors";
  folder.set(index, "weight_map", changed);
  expectError(folder.path, "tensor 'lm_head.weight' is not in the file");
  changed = map;
  changed["model.layers.7.mlp.up_proj.weight"] = map["lm_head.weight"];
  folder.set(index, "weight_map", changed);
  expectError(folder.path, "tensor 'model.layers.7.mlp.up_proj.weight' is not "
                           "in the file");
}

TEST_F(ShardedFolder, RefusesTensorsInTwoFiles) {
  Tensors first(folder, "model-00001-of-00003.safetensors");
  Tensors second(folder, "model-00002-of-00003.safetensors");
  second.add(first.list[0].name, second.list[0].name);
  folder.write("model-00002-of-00003.safetensors", second.write());
  expectError(folder.path, "is in two files of the model");
}

std::string indexError(const std::string &text) {
  auto entries = readSafeTensorsIndex(text, "i.json");
  return entries ? "" : llvm::toString(entries.takeError());
}

TEST(SafeTensorsIndex, RefusesWhatIsNoIndex) {
  EXPECT_EQ(indexError("{"), "i.json: is no valid JSON at byte 2; it is "
                             "damaged or was cut short");
  for (const char *text :
       {"{}", "[]", "3", R"({"weight_map":[]})", R"({"weight_map":{}})"})
    EXPECT_EQ(indexError(text), "i.json: 'weight_map' is missing, empty or no "
                                "object");
}

TEST(SafeTensorsIndex, FilesAreInTheSameFolder) {
  EXPECT_EQ(indexError(R"({"weight_map":{"a":"b.safetensors"}})"), "");
  for (const char *file :
       {"\"../b.safetensors\"", "\"/b.safetensors\"", "\"c/b.safetensors\"",
        "\"b.bin\"", "\"..\"", "\"\"", "3", "null", "\"/\""})
    EXPECT_NE(indexError("{\"weight_map\":{\"a\":" + std::string(file) + "}}")
                  .find("must be the name of a safetensors file in the same "
                        "folder"),
              std::string::npos)
        << file;
}

} // namespace
