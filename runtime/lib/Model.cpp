#include "Model.h"
#include "CpuFeatures.h"
#include "Sha256.h"
#include "picollm/weight_file.h"

#include <algorithm>
#include <cstring>

using namespace picollm::runtime;

static const std::string weightsExtension = ".weights";
static const char *const compileAgain = "; compile the model again";

static Failure damaged(const std::string &what) {
  return {PICOLLM_DAMAGED_FILE, what + compileAgain};
}

static Failure mismatch(const std::string &what) {
  return {PICOLLM_MISMATCH, what + compileAgain};
}

static std::string joined(const std::vector<std::string> &names) {
  std::string all;
  for (const std::string &name : names)
    all += (all.empty() ? "" : ", ") + name;
  return all;
}

// ---- Weights --------------------------------------------------------------

static picollm_weight_file_header readHeader(const uint8_t *weights) {
  picollm_weight_file_header header;
  std::memcpy(&header, weights, sizeof header);
  return header;
}

Failure picollm_model::checkWeightHeader() const {
  if (weightsBytes < PICOLLM_WEIGHT_FILE_HEADER_BYTES)
    return damaged(weightsName + ": is truncated: a weight file has at least " +
                   std::to_string(PICOLLM_WEIGHT_FILE_HEADER_BYTES) +
                   " bytes, this one has " + std::to_string(weightsBytes));
  const picollm_weight_file_header header = readHeader(weights);
  if (std::memcmp(header.magic, PICOLLM_WEIGHT_FILE_MAGIC,
                  sizeof header.magic) != 0)
    return damaged(weightsName + ": is not a weight file: it does not begin "
                                 "with " PICOLLM_WEIGHT_FILE_MAGIC);
  if (header.version != PICOLLM_WEIGHT_FILE_VERSION)
    return mismatch(weightsName + ": has format version " +
                    std::to_string(header.version) + ", this runtime reads " +
                    std::to_string(PICOLLM_WEIGHT_FILE_VERSION));
  if (header.header_bytes != PICOLLM_WEIGHT_FILE_HEADER_BYTES)
    return damaged(weightsName + ": its header is damaged: it claims " +
                   std::to_string(header.header_bytes) + " bytes, expected " +
                   std::to_string(PICOLLM_WEIGHT_FILE_HEADER_BYTES));
  if (header.file_bytes != weightsBytes)
    return damaged(
        weightsName + ": " +
        (weightsBytes < header.file_bytes ? "is truncated" : "is too long") +
        ": its header says " + std::to_string(header.file_bytes) +
        " bytes, it has " + std::to_string(weightsBytes));
  if (std::memcmp(header.build_id, header.content_sha256,
                  PICOLLM_BUILD_ID_BYTES) != 0)
    return damaged(weightsName + ": its header is damaged: build id and hash "
                                 "do not agree");
  const auto *end = weights + PICOLLM_WEIGHT_FILE_HEADER_BYTES;
  if (std::any_of(weights + sizeof header, end, [](uint8_t b) { return b; }))
    return damaged(weightsName + ": its header is damaged: bytes after its "
                                 "fields are not zero");
  return success();
}

Failure picollm_model::useHugePages() {
  if (!weightFile.data())
    return success();
  if (Failure failure = weightFile.copyToHugePages())
    return failure;
  weights = weightFile.data();
  return success();
}

Failure picollm_model::verify() const {
  Sha256 hash;
  hash.update(weights + PICOLLM_WEIGHT_FILE_HEADER_BYTES,
              weightsBytes - PICOLLM_WEIGHT_FILE_HEADER_BYTES);
  const auto digest = hash.finish();
  if (std::memcmp(digest.data(), readHeader(weights).content_sha256,
                  digest.size()) != 0)
    return damaged(weightsName + ": is damaged: the SHA-256 of its content is "
                                 "not the one in its header");
  return success();
}

// ---- Library --------------------------------------------------------------

Failure picollm_model::checkCompiled() const {
  // The version comes first in every version of the struct.
  if (compiled->abi_version != PICOLLM_ABI_VERSION ||
      compiled->struct_bytes != sizeof(picollm_compiled_model))
    return {PICOLLM_MISMATCH,
            libraryName + ": has ABI version " +
                std::to_string(compiled->abi_version) +
                ", this runtime runs version " +
                std::to_string(PICOLLM_ABI_VERSION) +
                "; compile the model again with the compiler of this release"};
  const bool sane =
      compiled->name && compiled->architecture && compiled->vocabulary > 0 &&
      compiled->vocabulary <= INT32_MAX && compiled->context > 0 &&
      compiled->kv_bytes && compiled->scratch_bytes && compiled->variants &&
      compiled->variant_count > 0;
  if (!sane)
    return damaged(libraryName + ": describes no model: a size or a function "
                                 "is missing");
  for (int64_t i = 0; i < compiled->variant_count; ++i)
    if (!compiled->variants[i].cpu_features || !compiled->variants[i].step)
      return damaged(libraryName + ": its variant " + std::to_string(i) +
                     " has no code");
  return success();
}

Failure picollm_model::checkBelongTogether() const {
  if (std::memcmp(compiled->build_id, readHeader(weights).build_id,
                  PICOLLM_BUILD_ID_BYTES) != 0)
    return mismatch(libraryName + " and " + weightsName +
                    ": do not belong together: their build ids differ");
  if (compiled->weights_bytes != weightsBytes)
    return mismatch(libraryName + " and " + weightsName +
                    ": do not belong together: the library expects " +
                    std::to_string(compiled->weights_bytes) +
                    " bytes of weights, the file has " +
                    std::to_string(weightsBytes));
  return success();
}

Failure picollm_model::chooseVariant() {
  std::vector<std::string> missing;
  for (int64_t i = 0; i < compiled->variant_count; ++i) {
    missing = missingCpuFeatures(compiled->variants[i].cpu_features);
    if (missing.empty()) {
      variant = &compiled->variants[i];
      return success();
    }
  }
  return {PICOLLM_UNSUPPORTED_CPU,
          libraryName +
              ": needs CPU features that this machine does not "
              "offer: " +
              joined(missing) +
              "; compile the model for this machine with -target=host"};
}

Failure picollm_model::openLibrary(const std::string &path,
                                   const std::string &name) {
  if (Failure failure = library.open(path))
    return failure;
  const std::string symbol = "picollm_" + name + "_model";
  // POSIX lets an address be a function; C++ leaves it to the system.
  const auto function =
      reinterpret_cast<picollm_model_function>(library.find(symbol));
  if (!function)
    return mismatch(path + ": is not the library of model '" + name +
                    "': it does not export " + symbol);
  compiled = function();
  if (!compiled)
    return damaged(path + ": describes no model");
  return success();
}

// ---- Tokenizer ------------------------------------------------------------

Failure picollm_model::openTokenizer(const void *data, size_t size) {
  const std::string problem = tokenizer.open(data, size);
  if (!problem.empty())
    return {PICOLLM_DAMAGED_FILE, tokenizerName + ": " + problem};
  // A vocabulary may be padded with logits that no token has, not the reverse.
  if (tokenizer.getVocabularySize() > compiled->vocabulary)
    return mismatch(tokenizerName + " and " + libraryName +
                    ": do not belong together: the tokenizer has " +
                    std::to_string(tokenizer.getVocabularySize()) +
                    " tokens, the model " +
                    std::to_string(compiled->vocabulary));
  hasTokenizer = true;
  return success();
}

// ---- All of it ------------------------------------------------------------

Failure picollm_model::bind(const picollm_compiled_model *compiledModel,
                            const void *data, size_t size,
                            const void *tokenizerData, size_t tokenizerSize) {
  compiled = compiledModel;
  weights = static_cast<const uint8_t *>(data);
  weightsBytes = size;
  if (Failure failure = checkWeightHeader())
    return failure;
  if (Failure failure = checkCompiled())
    return failure;
  if (Failure failure = checkBelongTogether())
    return failure;
  if (Failure failure = chooseVariant())
    return failure;
  if (!tokenizerData)
    return success();
  return openTokenizer(tokenizerData, tokenizerSize);
}

Failure picollm_model::openFiles(const std::string &directory,
                                 const std::string &name) {
  weightsName = directory + "/" + name + weightsExtension;
  tokenizerName = directory + "/" + name + ".tokenizer";
  if (Failure failure = weightFile.open(weightsName))
    return failure;
  weights = weightFile.data();
  weightsBytes = weightFile.size();
  if (Failure failure = checkWeightHeader())
    return failure;
  if (Failure failure = tokenizerFile.open(tokenizerName))
    return failure;
  if (tokenizerFile.size() == 0)
    return damaged(tokenizerName + ": is empty");
  return success();
}

Failure picollm_model::loadFiles(const picollm_compiled_model *compiledModel,
                                 const std::string &directory) {
  compiled = compiledModel;
  // Before its name is read.
  if (Failure failure = checkCompiled())
    return failure;
  libraryName += " '" + std::string(compiled->name) + "'";
  if (Failure failure = openFiles(directory, compiled->name))
    return failure;
  return bind(compiled, weights, weightsBytes, tokenizerFile.data(),
              tokenizerFile.size());
}

Failure picollm_model::loadBundle(const std::string &directory) {
  const std::string pattern = libraryFileName("*");
  const size_t star = pattern.find('*');
  const std::string prefix = pattern.substr(0, star);
  const std::string suffix = pattern.substr(star + 1);
  std::vector<std::string> found;
  if (Failure failure = listFiles(directory, suffix, found))
    return failure;
  const Failure none = {
      PICOLLM_NOT_FOUND,
      directory + ": holds no compiled model: it has no .weights file, nor a "
                  "library with the weights inside; picollm-compile makes such "
                  "a folder"};
  if (found.size() != 1 || found[0].compare(0, prefix.size(), prefix) != 0)
    return none;
  const std::string name = found[0].substr(
      prefix.size(), found[0].size() - prefix.size() - suffix.size());
  libraryName = directory + "/" + found[0];
  weightsName = libraryName + ": weights inside";
  tokenizerName = libraryName + ": tokenizer inside";
  if (Failure failure = openLibrary(libraryName, name))
    return failure;
  const auto function = reinterpret_cast<picollm_bundle_function>(
      library.find("picollm_" + name + "_bundle"));
  if (!function)
    return none;
  const picollm_bundle *bundle = function();
  return bind(compiled, bundle->weights, bundle->weights_bytes,
              bundle->tokenizer, bundle->tokenizer_bytes);
}

Failure picollm_model::load(const std::string &directory) {
  std::vector<std::string> found;
  if (Failure failure = listFiles(directory, weightsExtension, found))
    return failure;
  if (found.empty())
    return loadBundle(directory);
  if (found.size() > 1)
    return {PICOLLM_INVALID_ARGUMENT,
            directory + ": holds several models: " + joined(found) +
                "; give each its own folder"};
  const std::string name =
      found[0].substr(0, found[0].size() - weightsExtension.size());
  // Before the library, whose code runs when it is loaded.
  if (Failure failure = openFiles(directory, name))
    return failure;
  libraryName = directory + "/" + libraryFileName(name);
  if (Failure failure = openLibrary(libraryName, name))
    return failure;
  return bind(compiled, weights, weightsBytes, tokenizerFile.data(),
              tokenizerFile.size());
}
