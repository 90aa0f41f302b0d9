//===- WeightFile.h - writes and checks the weight file ---------*- C++ -*-===//
//
// The format is runtime/include/picollm/weight_file.h.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_PACKING_WEIGHTFILE_H
#define PICOLLM_PACKING_WEIGHTFILE_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <memory>

namespace picollm {

/// What the header of a weight file says.
struct WeightFileIdentity {
  int64_t fileBytes = 0;
  std::array<uint8_t, 16> buildId{};
  std::array<uint8_t, 32> contentSha256{};
};

/// Bytes that a tensor of `count` floats takes in a weight file.
int64_t weightFileFloatBytes(int64_t count);

/// Writes a weight file tensor by tensor. The bytes go to a temporary beside
/// `path`, which takes the name only when finish succeeds; otherwise the
/// temporary is removed and an older file at `path` stays as it was.
class WeightFileWriter {
public:
  static llvm::Expected<std::unique_ptr<WeightFileWriter>>
  create(llvm::StringRef path);
  ~WeightFileWriter();

  /// Packs and appends a matrix; returns its offset from the start of the
  /// file in bytes, a multiple of 64. Takes matrixBytes(layout) bytes of file
  /// and, while it runs, of memory.
  llvm::Expected<int64_t> appendMatrix(const QuantizedMatrix &matrix);

  /// Appends float32 values, returns their offset.
  llvm::Expected<int64_t> appendFloats(llvm::ArrayRef<float> values);

  /// Bytes so far, header included.
  int64_t bytes() const;

  /// Writes the header and gives the file its name. Nothing may follow.
  llvm::Expected<WeightFileIdentity> finish();

private:
  struct State;
  explicit WeightFileWriter(std::unique_ptr<State> state);
  llvm::Expected<int64_t> append(llvm::ArrayRef<uint8_t> bytes);

  std::unique_ptr<State> state;
};

/// Reads the header at `path` and checks it against the size of the file, and,
/// where `content` is set, against the hash of all bytes.
llvm::Expected<WeightFileIdentity> checkWeightFile(llvm::StringRef path,
                                                   bool content);

/// The same for the bytes of a weight file; `path` is for messages.
llvm::Expected<WeightFileIdentity>
checkWeightBytes(llvm::StringRef bytes, llvm::StringRef path, bool content);

} // namespace picollm

#endif // PICOLLM_PACKING_WEIGHTFILE_H
