//===- ScoredTables.h - tables of SentencePiece vocabularies ----*- C++ -*-===//
//
// The tokenizer "llama" of GGUF: BPE whose merges have scores, spaces spelled
// as U+2581, characters without a token spelled in tokens of bytes.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_TOKENIZER_SCOREDTABLES_H
#define PICOLLM_LIB_TOKENIZER_SCOREDTABLES_H

#include "picollm/Import/TokenizerData.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace picollm {

/// The bytes that a token stands for.
std::string scoredPiece(llvm::StringRef token, TokenType type);

/// The token of every byte ("<0x0A>"), all 256 of them, or an error.
llvm::Expected<std::vector<uint32_t>> findByteTokens(const TokenizerData &data);

/// [token]: the place of its score among all different ones, the best first.
/// Fails where scores are missing.
llvm::Expected<std::vector<uint32_t>> rankScores(const TokenizerData &data);

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_SCOREDTABLES_H
