//===- CodeFile.h - quantised matrices between two passes -------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_CODEFILE_H
#define PICOLLM_COMPRESSION_CODEFILE_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>

namespace picollm {

/// Appends quantised matrices to a file, one after the other: order, column
/// scales, then per panel segment scales, row scales, group scales, zeros and
/// codes by rows; a code takes two bytes in segments of 16 bits, none in
/// segments of 0, else one. Vectors (tuned norms) lie between them as f32.
class CodeFileWriter {
public:
  static llvm::Expected<std::unique_ptr<CodeFileWriter>>
  create(llvm::StringRef path);
  /// Goes on behind the first `bytes` bytes of a file; what follows is cut off.
  static llvm::Expected<std::unique_ptr<CodeFileWriter>>
  reopen(llvm::StringRef path, int64_t bytes);
  ~CodeFileWriter();

  /// Offset in bytes of the matrix in the file.
  llvm::Expected<int64_t> append(const QuantizedMatrix &matrix);

  /// The same for a vector.
  llvm::Expected<int64_t> appendFloats(const std::vector<float> &values);

  int64_t bytes() const { return os->tell(); }
  /// What was appended so far is in the file.
  llvm::Error finish();

private:
  /// `offset`, unless writing has failed.
  llvm::Expected<int64_t> written(int64_t offset) const;

  std::string path;
  std::unique_ptr<llvm::raw_fd_ostream> os;
};

/// Reads the matrix of the given layout at `offset` of the bytes of a file
/// made by CodeFileWriter. Fails where the bytes end too early or hold no valid
/// matrix; the error does not name the file.
llvm::Expected<QuantizedMatrix> readCodes(llvm::StringRef bytes, int64_t offset,
                                          const MatrixLayout &layout);

} // namespace picollm

#endif // PICOLLM_COMPRESSION_CODEFILE_H
