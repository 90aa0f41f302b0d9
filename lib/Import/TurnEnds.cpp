//===- TurnEnds.cpp - tokens that end a turn of a dialog ------------------===//

#include "TurnEnds.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

using namespace picollm;
using llvm::StringRef;

static std::optional<uint32_t>
findControl(const TokenizerData &data, llvm::ArrayRef<StringRef> spellings) {
  for (StringRef spelling : spellings)
    for (size_t i = 0; i < data.tokens.size(); ++i)
      if (data.types[i] == TokenType::Control && data.tokens[i] == spelling)
        return uint32_t(i);
  return std::nullopt;
}

void picollm::nameTurnEnds(TokenizerData &data) {
  if (!data.eot)
    data.eot = findControl(data, {"<|eot_id|>", "<|im_end|>", "<|end|>",
                                  "<end_of_turn>", "<|end_of_turn|>"});
  if (!data.eom)
    data.eom = findControl(data, {"<|eom_id|>"});
}
