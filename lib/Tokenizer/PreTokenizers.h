//===- PreTokenizers.h - how models split text ------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_TOKENIZER_PRETOKENIZERS_H
#define PICOLLM_LIB_TOKENIZER_PRETOKENIZERS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace picollm {

/// What the name of a pre-tokeniser stands for.
struct PreTokenizer {
  /// Each splits the pieces of the one before it.
  std::vector<llvm::StringRef> patterns;
  /// A piece that is a token as a whole is not merged from its bytes.
  bool ignoreMerges;
  /// Where the model file does not say.
  bool addBos;
};

/// `name` is a value of `tokenizer.ggml.pre`. Fails with the list of known
/// names.
llvm::Expected<PreTokenizer> findPreTokenizer(llvm::StringRef name);

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_PRETOKENIZERS_H
