//===- WeightEncoding.h - how model files store numbers ---------*- C++ -*-===//

#ifndef PICOLLM_IMPORT_WEIGHTENCODING_H
#define PICOLLM_IMPORT_WEIGHTENCODING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace picollm {

/// One way to store the numbers of a tensor: rows are cut into blocks of
/// `blockElements`, each stored in `blockBytes`.
struct WeightEncoding {
  llvm::StringLiteral name; ///< lower case: "f16", "q4_1", "q6_k"
  int64_t blockElements;
  int64_t blockBytes;

  /// Decodes `blocks` consecutive blocks (blocks * blockBytes bytes, of any
  /// alignment) into blocks * blockElements floats.
  void (*decode)(const uint8_t *in, int64_t blocks, float *out);
};

/// All encodings that can be read.
llvm::ArrayRef<WeightEncoding> getWeightEncodings();

/// Null if there is none of this name.
const WeightEncoding *findWeightEncoding(llvm::StringRef name);

} // namespace picollm

#endif // PICOLLM_IMPORT_WEIGHTENCODING_H
