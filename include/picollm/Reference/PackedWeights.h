//===- PackedWeights.h - the packed matrices of a weight file ---*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_PACKEDWEIGHTS_H
#define PICOLLM_REFERENCE_PACKEDWEIGHTS_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/StringMap.h"
#include <memory>

namespace picollm {

/// Unpacks matrices by name. Unpacked ones are kept, in the order of their
/// first use, while they fit a budget.
class PackedWeights {
public:
  /// `budget` in bytes of unpacked codes, two per weight.
  explicit PackedWeights(int64_t budget) : budget(budget) {}

  /// A matrix at `offset` bytes of `file`.
  void add(llvm::StringRef name, std::string file, int64_t offset,
           MatrixLayout layout);

  /// Fails if there is no such matrix, or its bytes cannot be read or are not
  /// a matrix of its layout.
  llvm::Expected<std::shared_ptr<const QuantizedMatrix>>
  get(llvm::StringRef name);

private:
  struct Entry {
    std::string file;
    int64_t offset = 0;
    MatrixLayout layout;
    std::shared_ptr<const QuantizedMatrix> unpacked;
  };
  int64_t budget;
  int64_t used = 0;
  llvm::StringMap<Entry> entries;
};

} // namespace picollm

#endif // PICOLLM_REFERENCE_PACKEDWEIGHTS_H
