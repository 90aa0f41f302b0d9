//===- WeightReader.h - tensors of model files as floats --------*- C++ -*-===//

#ifndef PICOLLM_IMPORT_WEIGHTREADER_H
#define PICOLLM_IMPORT_WEIGHTREADER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace picollm {

/// A tensor of rows x columns (a vector has one row) stored in a file; the
/// plain form of the IR's `picollm.weight`.
struct WeightSource {
  std::string name; ///< for messages
  std::string file;
  int64_t offset = 0;   ///< bytes
  int64_t size = 0;     ///< bytes
  std::string encoding; ///< "f32", "f16", "bf16", "q4_1", ... in lower case
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t interleavedHeads = 0; ///< see picollm.weight; 0: rows as stored
  double plus = 0;              ///< added to every number, see picollm.weight
};

/// Maps model files and decodes their tensors. Safe to use from several
/// threads.
class WeightReader {
public:
  /// Decodes rows [row, row + count) into out[count][columns]. Exact: the
  /// values that the format defines, in float32, and `plus` added to them.
  llvm::Error readRows(const WeightSource &source, int64_t row, int64_t count,
                       float *out);

  /// The whole tensor.
  llvm::Expected<std::vector<float>> read(const WeightSource &source);

private:
  llvm::Expected<llvm::StringRef> map(const std::string &file);

  std::mutex mutex;
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> files;
};

} // namespace picollm

#endif // PICOLLM_IMPORT_WEIGHTREADER_H
