//===- Spill.h - activations between two stages, on disk --------*- C++ -*-===//

#ifndef PICOLLM_LIB_CALIBRATION_SPILL_H
#define PICOLLM_LIB_CALIBRATION_SPILL_H

#include "picollm/Reference/Evaluation.h"
#include "llvm/Support/FileUtilities.h"
#include <cstdio>

namespace picollm {

/// A temporary file of matrices, written once and read in the same order; it
/// is gone with the object.
class Spill {
public:
  static llvm::Expected<std::unique_ptr<Spill>> create();
  ~Spill();

  /// Appends the matrices that `values` have in `evaluation`.
  llvm::Error write(llvm::ArrayRef<mlir::Value> values, Evaluation &evaluation);

  /// Reads the next matrices, `rows` each, into `evaluation`.
  llvm::Error read(llvm::ArrayRef<mlir::Value> values, int64_t rows,
                   Evaluation &evaluation);

  /// The next read starts at the beginning.
  llvm::Error rewind();

private:
  Spill(std::FILE *file, llvm::StringRef path) : file(file), remover(path) {}
  std::FILE *file;
  llvm::FileRemover remover;
};

} // namespace picollm

#endif // PICOLLM_LIB_CALIBRATION_SPILL_H
