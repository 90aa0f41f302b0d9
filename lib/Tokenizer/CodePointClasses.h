//===- CodePointClasses.h - characters that patterns tell apart -*- C++ -*-===//

#ifndef PICOLLM_LIB_TOKENIZER_CODEPOINTCLASSES_H
#define PICOLLM_LIB_TOKENIZER_CODEPOINTCLASSES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <unicode/uniset.h>
#include <vector>

namespace picollm {

/// A partition of all code points: two are in the same class if no set holds
/// one without the other.
struct CodePointClasses {
  unsigned count = 0;
  std::vector<llvm::BitVector> members; ///< [set][class]
  std::vector<uint16_t> pages; ///< [code point / 256]: index of a block
  std::vector<uint8_t> blocks; ///< [block][code point % 256]: class
};

/// Fails if the sets need more than 256 classes.
llvm::Expected<CodePointClasses>
partitionCodePoints(llvm::ArrayRef<const icu::UnicodeSet *> sets);

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_CODEPOINTCLASSES_H
