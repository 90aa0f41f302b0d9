//===- Spill.h - activations between two stages, on disk --------*- C++ -*-===//

#ifndef PICOLLM_LIB_CALIBRATION_SPILL_H
#define PICOLLM_LIB_CALIBRATION_SPILL_H

#include "picollm/Reference/Evaluation.h"
#include <cstdio>
#include <string>

namespace picollm {

/// A file of matrices, written once and read in the same order.
class Spill {
public:
  /// An empty one: at `path`, where it stays until remove(), or, without a
  /// path, a temporary file that is gone with the object.
  static llvm::Expected<std::unique_ptr<Spill>>
  create(const std::string &path = {});

  /// One that create(path) began and that was read from the beginning once.
  static llvm::Expected<std::unique_ptr<Spill>> open(const std::string &path);
  ~Spill();

  /// Appends the matrices that `values` have in `evaluation`.
  llvm::Error write(llvm::ArrayRef<mlir::Value> values, Evaluation &evaluation);

  /// Reads the next matrices, `rows` each, into `evaluation`.
  llvm::Error read(llvm::ArrayRef<mlir::Value> values, int64_t rows,
                   Evaluation &evaluation);

  /// The next read starts at the beginning; what was written is in the file.
  llvm::Error rewind();

  /// Nobody will open it again: its file goes with the object.
  void remove();

private:
  Spill(std::FILE *file, std::string path)
      : file(file), path(std::move(path)) {}
  llvm::Error failure(llvm::StringRef what) const;

  std::FILE *file;
  std::string path; ///< empty: a temporary file, which has no name any more
};

} // namespace picollm

#endif // PICOLLM_LIB_CALIBRATION_SPILL_H
