//===- TokenizerCompiler.h - tables of a tokenizer --------------*- C++ -*-===//

#ifndef PICOLLM_TOKENIZER_TOKENIZERCOMPILER_H
#define PICOLLM_TOKENIZER_TOKENIZERCOMPILER_H

#include "picollm/Chat/ChatFormat.h"
#include "llvm/Support/Error.h"
#include <string>

namespace picollm {

struct TokenizerData;

/// The bytes of the file <name>.tokenizer (picollm/tokenizer_file.h) for a
/// byte-level BPE or SentencePiece's BPE, and for dialogs in the form `chat`.
/// The same data always gives the same bytes, but another version of ICU may
/// classify new characters otherwise.
///
/// Fails if the data is neither, names a pre-tokeniser that is not
/// known, or contradicts itself (a merge of tokens that do not exist). Unicode
/// normalisation, which some models ask for before tokenising (NFC for qwen2),
/// is not part of the tables: text is encoded as it is.
llvm::Expected<std::string> compileTokenizer(const TokenizerData &data,
                                             const ChatFormat &chat = {});

} // namespace picollm

#endif // PICOLLM_TOKENIZER_TOKENIZERCOMPILER_H
