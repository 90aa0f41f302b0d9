//===- TokenizerTables.h - vocabulary and merges as tables ------*- C++ -*-===//

#ifndef PICOLLM_LIB_TOKENIZER_TOKENIZERTABLES_H
#define PICOLLM_LIB_TOKENIZER_TOKENIZERTABLES_H

#include "picollm/Import/TokenizerData.h"
#include "picollm/tokenizer_file.h"
#include "llvm/Support/Error.h"

namespace picollm {

/// What picollm/tokenizer_file.h stores of tokens, section by section.
struct TokenizerTables {
  std::vector<std::string> pieces; ///< [token]: the bytes that it stands for
  std::vector<uint32_t> byteTokens;
  std::vector<picollm_tokenizer_merge> merges;
  std::vector<uint32_t> words; ///< empty unless wanted
  std::vector<uint32_t> ranks; ///< empty unless merges have scores
  std::vector<uint32_t> specials;
  std::vector<uint32_t> endTokens;
};

/// Fails if a token occurs twice, a merge names one that does not exist, or a
/// SentencePiece vocabulary lacks scores or tokens of bytes.
llvm::Expected<TokenizerTables> makeTokenizerTables(const TokenizerData &data,
                                                    bool withWords);

/// Whether merges go by the scores of tokens (SentencePiece), not by a list.
inline bool isScored(const TokenizerData &data) {
  return data.model == "llama";
}

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_TOKENIZERTABLES_H
