//===- GGUFModel.cpp - GGUF files as model files --------------------------===//
//
// What the metadata keys mean: gguf.md of ggml, and for keys of a family
// ("llama.rope.scaling.factor") what llama.cpp makes of them.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "GGUFTokenizer.h"
#include "picollm/Import/GGUF.h"
#include "picollm/Support/Quote.h"
#include <cmath>

using namespace picollm;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

class GGUFModel : public ModelFile {
public:
  GGUFModel(std::unique_ptr<GGUFFile> opened, StringRef architecture)
      : file(std::move(opened)), family(architecture) {}

  StringRef path() const override { return file->path(); }
  StringRef architecture() const override { return family; }
  Expected<ModelDescription> describe() const override;
  Expected<TokenizerData> readTokenizer() const override {
    return readGGUFTokenizer(*file);
  }
  std::optional<WeightSource> findTensor(StringRef name) const override;
  std::vector<std::string> tensorNames() const override;

private:
  std::unique_ptr<GGUFFile> file;
  std::string family;
};

/// Reads the metadata of one family. The first error is kept; after it, values
/// are only good for going on.
class DescriptionReader {
public:
  DescriptionReader(const GGUFFile &file, StringRef family)
      : file(file), family(family) {}

  Expected<ModelDescription> read();

private:
  void readHeads();
  void readRotary();
  void readLocalAttention();
  void readGemma3();

  // The value of a key of the family, or `otherwise` where it is absent; a
  // value of another type or out of range is an error.
  int64_t readCount(StringRef key, std::optional<int64_t> otherwise = {});
  double readNumber(StringRef key, std::optional<double> otherwise = {});
  const GGUFValue *find(StringRef key, bool required);
  std::string quoteKey(StringRef key) const {
    return quote((family + "." + key).str());
  }
  void fail(const Twine &message) {
    if (error.empty())
      error = (file.path() + ": " + message).str();
  }

  const GGUFFile &file;
  StringRef family;
  ModelDescription model;
  std::string error;
};

} // namespace

const GGUFValue *DescriptionReader::find(StringRef key, bool required) {
  const GGUFValue *value = file.findValue((family + "." + key).str());
  if (!value && required)
    fail("metadata entry " + quoteKey(key) + " is missing");
  if (value && value->isArray) {
    fail("metadata entry " + quoteKey(key) + " is an " + value->describeType() +
         ", expected one number; models with a shape of their own in every "
         "layer are not supported");
    return nullptr;
  }
  return value;
}

int64_t DescriptionReader::readCount(StringRef key,
                                     std::optional<int64_t> otherwise) {
  const GGUFValue *value = find(key, !otherwise);
  if (!value)
    return otherwise.value_or(1);
  std::optional<int64_t> number = value->getSigned();
  if (number && *number >= 1 && *number <= (int64_t(1) << 31))
    return *number;
  fail("metadata entry " + quoteKey(key) +
       " must be a whole number from 1 to 2^31, found " +
       (number ? std::to_string(*number) : value->describeType()));
  return 1;
}

double DescriptionReader::readNumber(StringRef key,
                                     std::optional<double> otherwise) {
  const GGUFValue *value = find(key, !otherwise);
  if (!value)
    return otherwise.value_or(1);
  std::optional<double> number = value->getDouble();
  if (number && std::isfinite(*number) && *number >= 0)
    return *number;
  fail("metadata entry " + quoteKey(key) +
       " must be a finite number that is not negative, found " +
       (number ? std::to_string(*number) : value->describeType()));
  return 1;
}

void DescriptionReader::readHeads() {
  model.heads = readCount("attention.head_count");
  model.kvHeads = readCount("attention.head_count_kv", model.heads);
  if (model.heads % model.kvHeads)
    fail("has " + Twine(model.heads) + " heads over " + Twine(model.kvHeads) +
         " heads of keys and values, which does not divide");
  if (!find("attention.key_length", false) && model.embedding % model.heads)
    fail("has an embedding of " + Twine(model.embedding) + " over " +
         Twine(model.heads) + " heads, which does not divide");
  model.headSize =
      readCount("attention.key_length",
                std::max<int64_t>(model.embedding / model.heads, 1));
  int64_t valueSize = readCount("attention.value_length", model.headSize);
  if (valueSize != model.headSize)
    fail("has keys of " + Twine(model.headSize) + " and values of " +
         Twine(valueSize) + " elements a head; only equal ones are supported");
  if (model.headSize % 2 || model.headSize > 65536)
    fail("has heads of " + Twine(model.headSize) +
         " elements, expected an even number up to 65536");
  model.attentionScale = readNumber("attention.scale", 0);
}

void DescriptionReader::readRotary() {
  RotaryDescription &rotary = model.rotary;
  // llama.cpp's converter permutes q and k of this family only.
  rotary.interleaved = family == "llama";
  rotary.dimensions = readCount("rope.dimension_count", model.headSize);
  rotary.base = readNumber("rope.freq_base", 10000);
  if (rotary.base <= 1)
    fail("metadata entry " + quoteKey("rope.freq_base") +
         " must be above 1, found " + std::to_string(rotary.base));

  // Older files have the linear factor under another name; 0 means none.
  rotary.factor =
      readNumber("rope.scaling.factor", readNumber("rope.scale_linear", 0));
  if (rotary.factor == 0)
    rotary.factor = 1;
  rotary.attentionFactor = readNumber("rope.scaling.attn_factor", 1);
  rotary.betaFast = readNumber("rope.scaling.yarn_beta_fast", 32);
  rotary.betaSlow = readNumber("rope.scaling.yarn_beta_slow", 1);
  rotary.originalContext =
      readCount("rope.scaling.original_context_length", model.context);

  StringRef type = "linear";
  if (const GGUFValue *value = find("rope.scaling.type", false))
    type = value->getString().value_or("of a wrong type");
  if (type == "none") {
    rotary.factor = 1;
  } else if (type == "linear") {
    rotary.scaling =
        rotary.factor == 1 ? RotaryScaling::None : RotaryScaling::Linear;
  } else if (type == "yarn") {
    rotary.scaling = RotaryScaling::YaRN;
    if (rotary.factor < 1 || rotary.betaFast <= rotary.betaSlow ||
        rotary.betaSlow <= 0)
      fail("the RoPE scaling 'yarn' needs a factor of at least 1 and "
           "yarn_beta_fast above yarn_beta_slow above 0");
  } else {
    fail("the RoPE scaling " + quote(type) +
         " is not supported; supported: none, linear, yarn, and the factors of "
         "Llama 3 ('rope_freqs.weight')");
  }
}

/// Of every `sliding_window_pattern` layers all but the last are local; they
/// rotate by a base of their own, and nothing stretches them.
void DescriptionReader::readLocalAttention() {
  if (!find("attention.sliding_window", false))
    return;
  LocalAttention &local = model.local;
  local.window = readCount("attention.sliding_window");
  int64_t period = readCount("attention.sliding_window_pattern", 6);
  if (period > 1024)
    fail("metadata entry " + quoteKey("attention.sliding_window_pattern") +
         " is " + Twine(period) + ", expected at most 1024");
  else
    local.pattern.assign(size_t(period - 1), true);
  local.pattern.push_back(false);
  local.rotary.dimensions = model.rotary.dimensions;
  local.rotary.base = readNumber("rope.freq_base_swa", 10000);
  if (local.rotary.base <= 1)
    fail("metadata entry " + quoteKey("rope.freq_base_swa") +
         " must be above 1, found " + std::to_string(local.rotary.base));
}

/// Files of Gemma 3 leave out what llama.cpp knows of the family.
void DescriptionReader::readGemma3() {
  readLocalAttention();
  model.attentionSoftcap = readNumber("attn_logit_softcapping", 0);
  model.logitSoftcap = readNumber("final_logit_softcapping", 0);
  // The 27B model, told by its layers, scales by the size that the heads would
  // have if they divided the embedding, not by their own.
  if (model.layers == 62 && model.attentionScale == 0)
    model.attentionScale =
        1 / std::sqrt(double(model.embedding) / double(model.heads));
}

Expected<ModelDescription> DescriptionReader::read() {
  if (const GGUFValue *value = file.findValue("general.name"))
    model.name = value->getString().value_or("").str();
  if (const GGUFValue *value = file.findValue("split.count"))
    if (uint64_t parts = value->getUnsigned().value_or(1); parts > 1)
      fail("is one of " + Twine(parts) +
           " parts of a split model; join them first with llama-gguf-split "
           "--merge");
  model.context = readCount("context_length");
  model.layers = readCount("block_count");
  model.embedding = readCount("embedding_length");
  model.feedForward = readCount("feed_forward_length");
  model.normEpsilon = readNumber("attention.layer_norm_rms_epsilon");
  if (const GGUFValue *value = find("expert_count", false))
    model.experts = value->getSigned().value_or(0);
  readHeads();
  readRotary();
  if (family == "gemma3")
    readGemma3();

  // As llama.cpp: the vocabulary decides, not the key vocab_size.
  const GGUFValue *tokens = file.findValue("tokenizer.ggml.tokens");
  const GGUFTensor *table = file.findTensor("token_embd.weight");
  if (tokens && tokens->isArray && tokens->count > 0)
    model.vocabulary = int64_t(tokens->count);
  else if (table && table->dimensions.size() > 1)
    model.vocabulary = table->dimensions[1];
  else
    model.vocabulary = 1;
  if (error.empty())
    return model;
  return createStringError(Twine(error));
}

Expected<ModelDescription> GGUFModel::describe() const {
  return DescriptionReader(*file, family).read();
}

std::optional<WeightSource> GGUFModel::findTensor(StringRef name) const {
  const GGUFTensor *tensor = file->findTensor(name);
  if (!tensor)
    return std::nullopt;
  WeightSource source;
  source.name = tensor->name;
  source.file = path().str();
  source.offset = tensor->offset;
  source.size = tensor->size;
  source.encoding = tensor->encoding;
  source.columns = tensor->dimensions[0];
  source.rows = 1;
  for (int64_t extent : llvm::drop_begin(tensor->dimensions))
    source.rows *= extent;
  return source;
}

std::vector<std::string> GGUFModel::tensorNames() const {
  std::vector<std::string> names;
  for (const GGUFTensor &tensor : file->tensors())
    names.push_back(tensor.name);
  return names;
}

bool picollm::isGGUF(StringRef start) { return start.starts_with("GGUF"); }

static Expected<std::unique_ptr<ModelFile>>
makeModel(Expected<std::unique_ptr<GGUFFile>> file) {
  if (!file)
    return file.takeError();
  const GGUFValue *value = (*file)->findValue("general.architecture");
  std::optional<StringRef> family = value ? value->getString() : std::nullopt;
  if (!family || family->empty())
    return createStringError((*file)->path() +
                             ": metadata entry 'general.architecture' is "
                             "missing or not a string");
  return std::make_unique<GGUFModel>(std::move(*file), *family);
}

Expected<std::unique_ptr<ModelFile>> picollm::openGGUFModel(StringRef path) {
  return makeModel(GGUFFile::open(path));
}

Expected<std::unique_ptr<ModelFile>>
picollm::parseGGUFModel(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  return makeModel(GGUFFile::parse(std::move(buffer)));
}
