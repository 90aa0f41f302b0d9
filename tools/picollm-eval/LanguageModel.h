//===- LanguageModel.h - what can be evaluated ------------------*- C++ -*-===//

#ifndef PICOLLM_TOOLS_EVAL_LANGUAGEMODEL_H
#define PICOLLM_TOOLS_EVAL_LANGUAGEMODEL_H

#include "picollm/Reference/Matrix.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace picollm {

/// Sees the logits of rows [first, first + rows.rows) of a sequence.
using LogitsVisitor =
    llvm::function_ref<llvm::Error(int64_t first, const Matrix &rows)>;

class LanguageModel {
public:
  virtual ~LanguageModel() = default;

  /// The ids of a text, with the begin token if the model wants one.
  virtual llvm::Expected<std::vector<int32_t>>
  tokenize(llvm::StringRef text) = 0;

  /// Tokens of a sequence at most.
  virtual int64_t contextLength() const = 0;

  /// Runs a sequence from position 0 and visits the logits of
  /// tokens[firstWanted..), in order, in one or more pieces.
  virtual llvm::Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
                          LogitsVisitor visit) = 0;
};

/// How a compiled model is fed.
enum class Path {
  Decode,  ///< token by token
  Prefill, ///< all tokens at once
};

/// A folder that picollm-compile wrote, run by the runtime with room for
/// `context` positions, or for all of the model's where it has fewer.
llvm::Expected<std::unique_ptr<LanguageModel>>
loadCompiledModel(llvm::StringRef directory, Path path, int64_t context);

/// Run by the reference interpreter: a model file, a compressed model
/// (.picollm), or IR of a model (any of the three levels), which takes weights
/// with relative names and the tokenizer from `folder` (empty: its own).
llvm::Expected<std::unique_ptr<LanguageModel>>
loadInterpretedModel(llvm::StringRef path, llvm::StringRef folder);

/// Whether the name is that of a file of IR.
bool isIRFile(llvm::StringRef path);

/// Whether `path` is a folder with a weight file.
bool isCompiledModel(llvm::StringRef path);

/// Bytes of the weight file of a compiled model, of the safetensors files of a
/// folder, or of the file that `path` is; 0 where there is none.
int64_t weightBytes(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_TOOLS_EVAL_LANGUAGEMODEL_H
