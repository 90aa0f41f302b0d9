// A compiled model in memory: picollm_model of the C API.
#ifndef PICOLLM_RUNTIME_MODEL_H
#define PICOLLM_RUNTIME_MODEL_H

#include "Error.h"
#include "System.h"
#include "Tokenizer.h"
#include "picollm/abi.h"

/// Immutable once loaded.
struct picollm_model {
  using Failure = picollm::runtime::Failure;

  /// Loads <name>.weights, the library and <name>.tokenizer of a folder, or the
  /// library that has them inside.
  Failure load(const std::string &directory);
  /// Loads the weights and the tokenizer of a library that is in the process.
  Failure loadFiles(const picollm_compiled_model *compiledModel,
                    const std::string &directory);
  /// Takes what the caller owns; `tokenizerData` may be null.
  Failure bind(const picollm_compiled_model *compiledModel, const void *data,
               size_t size, const void *tokenizerData, size_t tokenizerSize);
  /// Has the weight file, if it is mapped, in huge pages.
  Failure useHugePages();
  /// Hashes the weight file.
  Failure verify() const;

  /// Null where the model was bound without one.
  const picollm::Tokenizer *getTokenizer() const {
    return hasTokenizer ? &tokenizer : nullptr;
  }

  const picollm_compiled_model *compiled = nullptr;
  const picollm_variant *variant = nullptr; ///< what this CPU runs
  const uint8_t *weights = nullptr;
  size_t weightsBytes = 0;

private:
  Failure checkWeightHeader() const;
  Failure checkCompiled() const;
  Failure checkBelongTogether() const;
  Failure chooseVariant();
  Failure openFiles(const std::string &directory, const std::string &name);
  Failure loadBundle(const std::string &directory);
  Failure openTokenizer(const void *data, size_t size);
  Failure openLibrary(const std::string &path, const std::string &name);

  // How messages call the three.
  std::string weightsName = "weights";
  std::string libraryName = "compiled model";
  std::string tokenizerName = "tokenizer";

  picollm::runtime::SharedLibrary library;
  picollm::runtime::MappedFile weightFile;
  picollm::runtime::MappedFile tokenizerFile;
  picollm::Tokenizer tokenizer;
  bool hasTokenizer = false;
};

#endif
