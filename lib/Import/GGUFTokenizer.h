//===- GGUFTokenizer.h - the tokenizer of a GGUF file -----------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_GGUFTOKENIZER_H
#define PICOLLM_LIB_IMPORT_GGUFTOKENIZER_H

#include "picollm/Import/TokenizerData.h"
#include "llvm/Support/Error.h"

namespace picollm {

class GGUFFile;

/// The metadata under `tokenizer.`; an empty model where there is none.
llvm::Expected<TokenizerData> readGGUFTokenizer(const GGUFFile &file);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_GGUFTOKENIZER_H
