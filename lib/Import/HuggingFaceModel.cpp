//===- HuggingFaceModel.cpp - folders of Hugging Face as model files ------===//

#include "Formats.h"
#include "picollm/Import/HuggingFace.h"
#include "picollm/Import/SafeTensors.h"
#include "picollm/Import/WeightEncoding.h"
#include "picollm/Support/Json.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

/// Names of a tensor in transformers and in GGUF; of a layer's without
/// "model.layers.<n>." and ".weight".
using Names = std::pair<llvm::StringLiteral, llvm::StringLiteral>;

static constexpr Names llamaNames[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};
static constexpr Names gemma3Names[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.o_proj", "attn_output"},
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
};
static constexpr Names modelNames[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

static llvm::ArrayRef<Names> layerNamesOf(StringRef family) {
  if (family == "gemma3")
    return gemma3Names;
  return llamaNames;
}

/// GGUF's name of a tensor of transformers; empty: no such tensor is known.
static std::string nameInGGUF(StringRef family, StringRef name) {
  for (const auto &[theirs, ours] : modelNames)
    if (name == theirs)
      return ours.str();
  unsigned layer;
  if (!name.consume_front("model.layers.") || !name.consume_back(".weight"))
    return "";
  StringRef number = name.take_until([](char c) { return c == '.'; });
  // One spelling of each number, so that names stay distinct.
  if (number.getAsInteger(10, layer) || number != std::to_string(layer))
    return "";
  name = name.drop_front(number.size());
  name.consume_front(".");
  for (const auto &[theirs, ours] : layerNamesOf(family))
    if (name == theirs)
      return "blk." + number.str() + "." + ours.str() + ".weight";
  return "";
}

/// Buffers of old checkpoints that the angles' description has replaced.
static bool isBuffer(StringRef name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

namespace {

class HuggingFaceModel : public ModelFile {
public:
  explicit HuggingFaceModel(StringRef path) : folder(path) {}

  Error open();

  StringRef path() const override { return folder; }
  StringRef architecture() const override { return description.architecture; }
  Expected<ModelDescription> describe() const override {
    return description.model;
  }
  Expected<TokenizerData> readTokenizer() const override;
  std::optional<WeightSource> findTensor(StringRef name) const override;
  std::vector<std::string> tensorNames() const override { return order; }
  std::string nameInFile(StringRef name) const override;

private:
  struct Tensor {
    std::string theirName;
    WeightSource source;
  };

  std::string fileNamed(StringRef name) const;
  Expected<std::string> readText(StringRef name) const;
  Error openWeights();
  Error openShards(StringRef index);
  Error addFile(StringRef name);
  Error addTensor(const SafeTensor &tensor, const std::string &file);
  Error checkHead();
  HuggingFaceTexts texts() const;

  std::string folder;
  std::string config, generationConfig, tokenizer, tokenizerConfig,
      chatTemplate;
  HuggingFaceDescription description;
  llvm::StringMap<Tensor> tensors; ///< by GGUF's names
  std::vector<std::string> order;  ///< GGUF's names as the files have them
};

} // namespace

std::string HuggingFaceModel::fileNamed(StringRef name) const {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

/// Empty if there is no such file.
Expected<std::string> HuggingFaceModel::readText(StringRef name) const {
  std::string path = fileNamed(name);
  if (!llvm::sys::fs::exists(path))
    return "";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(
        buffer.getError(),
        path + ": cannot be read: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Error HuggingFaceModel::addTensor(const SafeTensor &tensor,
                                  const std::string &file) {
  if (isBuffer(tensor.name))
    return Error::success();
  std::string subject = file + ": tensor " + quote(tensor.name);
  std::string name = nameInGGUF(architecture(), tensor.name);
  if (name.empty())
    return createStringError(subject + " is not part of a model of the '" +
                             architecture() + "' family as it is supported" +
                             (StringRef(tensor.name).ends_with(".bias")
                                  ? ": biases are not supported"
                                  : ""));
  std::string encoding = StringRef(tensor.type).lower();
  if (!llvm::is_contained({"f32", "f16", "bf16"}, encoding))
    return createStringError(subject + " has type " + tensor.type +
                             ", which the importer does not read; expected "
                             "F32, F16 or BF16");
  WeightSource source;
  source.name = name;
  source.file = file;
  source.offset = tensor.offset;
  source.size = tensor.size;
  source.encoding = encoding;
  source.columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  source.rows = 1;
  // Zeros are not counted in the size that the reader has checked.
  for (int64_t extent : llvm::drop_end(tensor.shape, !tensor.shape.empty()))
    if (llvm::MulOverflow(source.rows, extent, source.rows))
      return createStringError(subject + " has an impossible shape");
  // transformers keeps the norms of Gemma without their 1.
  if (architecture() == "gemma3" && StringRef(name).ends_with("norm.weight"))
    source.plus = 1;
  if (!tensors.try_emplace(name, Tensor{tensor.name, source}).second)
    return createStringError(subject + " is in two files of the model");
  order.push_back(name);
  return Error::success();
}

Error HuggingFaceModel::addFile(StringRef name) {
  std::string file = fileNamed(name);
  Expected<std::vector<SafeTensor>> added = readSafeTensors(file);
  if (!added)
    return added.takeError();
  for (const SafeTensor &tensor : *added)
    if (Error error = addTensor(tensor, file))
      return error;
  return Error::success();
}

Error HuggingFaceModel::openShards(StringRef index) {
  Expected<std::string> text = readText(index);
  if (!text)
    return text.takeError();
  std::string path = fileNamed(index);
  auto entries = readSafeTensorsIndex(*text, path);
  if (!entries)
    return entries.takeError();

  std::vector<std::string> files;
  for (const auto &[tensor, file] : *entries)
    files.push_back(file);
  llvm::sort(files);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  for (const std::string &file : files) {
    if (!llvm::sys::fs::exists(fileNamed(file)))
      return createStringError(path + ": the file " + quote(file) +
                               " that it names is missing; fetch all parts of "
                               "the model");
    if (Error error = addFile(file))
      return error;
  }
  for (const auto &[tensor, file] : *entries) {
    if (isBuffer(tensor))
      continue;
    auto found = tensors.find(nameInGGUF(architecture(), tensor));
    if (found == tensors.end() || found->second.source.file != fileNamed(file))
      return createStringError(path + ": tensor " + quote(tensor) +
                               " is not in the file " + quote(file) +
                               ", as it says");
  }
  return Error::success();
}

Error HuggingFaceModel::openWeights() {
  const StringRef single = "model.safetensors",
                  index = "model.safetensors.index.json";
  if (llvm::sys::fs::exists(fileNamed(single)))
    return addFile(single);
  if (llvm::sys::fs::exists(fileNamed(index)))
    return openShards(index);
  for (StringRef pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (llvm::sys::fs::exists(fileNamed(pickle)))
      return createStringError(folder + ": has its weights in " + pickle +
                               ", which is not read; convert them to "
                               "safetensors first");
  return createStringError(folder + ": has no weights; expected " + single +
                           " or " + index);
}

/// A head that is tied is the embedding: a copy in the file is left out.
Error HuggingFaceModel::checkHead() {
  const StringRef head = "output.weight", table = "token_embd.weight";
  auto found = tensors.find(head);
  if (!description.tiedHead) {
    if (found != tensors.end())
      return Error::success();
    return createStringError(
        folder + ": tensor 'lm_head.weight' is missing, and "
                 "'tie_word_embeddings' of config.json is not true");
  }
  auto embedding = tensors.find(table);
  if (found == tensors.end() || embedding == tensors.end())
    return Error::success();
  WeightReader reader;
  const WeightSource &a = found->second.source, &b = embedding->second.source;
  std::vector<float> rowOfHead(a.columns), rowOfTable(b.columns);
  bool isSame = a.rows == b.rows && a.columns == b.columns;
  for (int64_t row = 0; row < a.rows && isSame; ++row) {
    if (Error error = reader.readRows(a, row, 1, rowOfHead.data()))
      return error;
    if (Error error = reader.readRows(b, row, 1, rowOfTable.data()))
      return error;
    isSame = std::memcmp(rowOfHead.data(), rowOfTable.data(),
                         rowOfHead.size() * sizeof(float)) == 0;
  }
  if (!isSame)
    return createStringError(
        folder + ": 'tie_word_embeddings' of config.json is true, but tensor "
                 "'lm_head.weight' is not the embedding");
  tensors.erase(found);
  llvm::erase(order, head);
  return Error::success();
}

HuggingFaceTexts HuggingFaceModel::texts() const {
  return {folder,    config,          generationConfig,
          tokenizer, tokenizerConfig, chatTemplate};
}

Error HuggingFaceModel::open() {
  const std::pair<StringRef, std::string *> files[] = {
      {"config.json", &config},
      {"generation_config.json", &generationConfig},
      {"tokenizer.json", &tokenizer},
      {"tokenizer_config.json", &tokenizerConfig},
      {"chat_template.jinja", &chatTemplate},
  };
  for (const auto &[name, text] : files) {
    Expected<std::string> read = readText(name);
    if (!read)
      return read.takeError();
    *text = std::move(*read);
  }
  auto described = describeHuggingFaceModel(texts());
  if (!described)
    return described.takeError();
  description = std::move(*described);
  description.model.name = llvm::sys::path::filename(folder).str();
  if (Error error = openWeights())
    return error;
  return checkHead();
}

Expected<TokenizerData> HuggingFaceModel::readTokenizer() const {
  if (!tokenizer.empty())
    return readHuggingFaceTokenizer(texts(), description.model.vocabulary);
  for (StringRef other : {"tokenizer.model", "vocab.json"})
    if (llvm::sys::fs::exists(fileNamed(other)))
      return createStringError(
          folder + ": has its tokenizer in " + other +
          ", which is not read; save it as tokenizer.json with transformers "
          "first");
  return TokenizerData();
}

std::optional<WeightSource> HuggingFaceModel::findTensor(StringRef name) const {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return std::nullopt;
  return found->second.source;
}

std::string HuggingFaceModel::nameInFile(StringRef name) const {
  for (const auto &[theirs, ours] : modelNames)
    if (name == ours)
      return theirs.str();
  StringRef rest = name;
  if (!rest.consume_front("blk.") || !rest.consume_back(".weight"))
    return name.str();
  auto [layer, part] = rest.split('.');
  for (const auto &[theirs, ours] : layerNamesOf(architecture()))
    if (part == ours)
      return ("model.layers." + layer + "." + theirs + ".weight").str();
  return name.str();
}

Expected<std::vector<std::pair<std::string, std::string>>>
picollm::readSafeTensorsIndex(StringRef text, StringRef path) {
  Expected<Json> index = parseJson(text, path + ":");
  if (!index)
    return index.takeError();
  const Json *map = findMember(&*index, "weight_map");
  if (!map || !map->is_object() || map->empty())
    return createStringError(path +
                             ": 'weight_map' is missing, empty or no object");
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto &[tensor, file] : map->get_ref<const Json::object_t &>()) {
    const auto *name = file.get_ptr<const std::string *>();
    if (!name || !StringRef(*name).ends_with(".safetensors") ||
        llvm::sys::path::filename(*name) != *name)
      return createStringError(path + ": the file of tensor " + quote(tensor) +
                               " must be the name of a safetensors file in the "
                               "same folder");
    entries.emplace_back(tensor, *name);
  }
  return entries;
}

bool picollm::isHuggingFaceFolder(StringRef path) {
  llvm::SmallString<128> config(path);
  llvm::sys::path::append(config, "config.json");
  return llvm::sys::fs::exists(config);
}

Expected<std::unique_ptr<ModelFile>>
picollm::openHuggingFaceModel(StringRef path) {
  // Without separators at the end, so that its last part is the model's name.
  while (path.size() > 1 && llvm::sys::path::is_separator(path.back()))
    path = path.drop_back();
  auto model = std::make_unique<HuggingFaceModel>(path);
  if (Error error = model->open())
    return std::move(error);
  return model;
}
