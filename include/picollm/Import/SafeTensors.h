//===- SafeTensors.h - reader of safetensors files --------------*- C++ -*-===//
//
// The format: https://huggingface.co/docs/safetensors. Eight bytes with the
// size of a JSON header, the header, and the bytes of the tensors. The reader
// trusts nothing in the file: sizes, shapes and offsets are checked against
// each other and against the bytes that there are.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_IMPORT_SAFETENSORS_H
#define PICOLLM_IMPORT_SAFETENSORS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <string>
#include <vector>

namespace picollm {

struct SafeTensor {
  std::string name;
  std::string type;                    ///< as the file spells it: "F32", "BF16"
  llvm::SmallVector<int64_t, 4> shape; ///< the last is contiguous; no negatives
  int64_t offset = 0;                  ///< from the start of the file, in bytes
  int64_t size = 0;                    ///< bytes
};

/// The tensors of a safetensors file by their places in it. They have distinct
/// names and known types, and fill the file without gaps or overlaps, as the
/// format demands. Errors are one sentence that starts with the path.
llvm::Expected<std::vector<SafeTensor>> readSafeTensors(llvm::StringRef path);

/// The same for bytes in memory; `buffer`'s identifier is the path.
llvm::Expected<std::vector<SafeTensor>>
parseSafeTensors(llvm::MemoryBufferRef buffer);

} // namespace picollm

#endif // PICOLLM_IMPORT_SAFETENSORS_H
