//===- HuggingFaceSentencePiece.h - its BPE in a tokenizer.json -*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_HUGGINGFACESENTENCEPIECE_H
#define PICOLLM_LIB_IMPORT_HUGGINGFACESENTENCEPIECE_H

#include "picollm/Import/TokenizerData.h"
#include "picollm/Support/Json.h"

namespace picollm {

/// Whether a BPE came from SentencePiece: what is no token becomes bytes.
bool isSentencePiece(JsonReader &tokenizer);

/// Checks that the steps around the merges do no more than spell spaces as
/// U+2581; other steps are errors of `tokenizer`. Whether a space goes before a
/// text.
bool readSpacePrefix(JsonReader &tokenizer);

/// `data`, whose merges are those of the file, in the form of GGUF: scores by
/// the first merge that makes a token, tokens of bytes typed as such, no
/// merges.
void scoreByMerges(JsonReader &tokenizer, TokenizerData &data);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_HUGGINGFACESENTENCEPIECE_H
