//===- HuggingFace.h - the texts of a Hugging Face folder -------*- C++ -*-===//
//
// What config.json and the files beside it say. The folder as a whole is
// opened by openModelFile; these functions read texts in memory.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_IMPORT_HUGGINGFACE_H
#define PICOLLM_IMPORT_HUGGINGFACE_H

#include "picollm/Import/ModelFile.h"

namespace picollm {

/// The contents of the files of a folder that are texts; empty: there is no
/// such file. Nothing is owned.
struct HuggingFaceTexts {
  llvm::StringRef folder;           ///< starts the messages
  llvm::StringRef config;           ///< config.json
  llvm::StringRef generationConfig; ///< generation_config.json
  llvm::StringRef tokenizer;        ///< tokenizer.json
  llvm::StringRef tokenizerConfig;  ///< tokenizer_config.json
  llvm::StringRef chatTemplate;     ///< chat_template.jinja
};

/// What config.json says of a model; see describeHuggingFaceModel.
struct HuggingFaceDescription {
  std::string architecture; ///< as ModelFile calls it: "llama"
  bool tiedHead = false;    ///< the head is the embedding
  ModelDescription model;
};

/// Reads config.json as transformers 4 and 5 write it. Refuses what no builder
/// knows: other architectures, biases, quantised weights, sliding windows of
/// Llama.
/// Errors are one sentence that starts with the path of a file.
llvm::Expected<HuggingFaceDescription>
describeHuggingFaceModel(const HuggingFaceTexts &texts);

/// Reads a byte-level BPE or the BPE of SentencePiece out of tokenizer.json;
/// refuses every other kind, and what these have that the compiled tokenizer
/// does not. The one exception is the normaliser NFC, which is left out. The
/// vocabulary is filled up to `vocabulary` tokens, for which the model has
/// logits. `texts.tokenizer` must not be empty. Errors are one sentence that
/// starts with the path of a file.
llvm::Expected<TokenizerData>
readHuggingFaceTokenizer(const HuggingFaceTexts &texts, int64_t vocabulary);

/// The names of tensors and their files, of model.safetensors.index.json.
/// `path` starts the messages. The names of files are plain, without folders.
llvm::Expected<std::vector<std::pair<std::string, std::string>>>
readSafeTensorsIndex(llvm::StringRef text, llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_IMPORT_HUGGINGFACE_H
