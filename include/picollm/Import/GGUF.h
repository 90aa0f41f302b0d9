//===- GGUF.h - reader of GGUF files ----------------------------*- C++ -*-===//
//
// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The
// reader trusts nothing in the file: every count, length, dimension and offset
// is checked against the bytes that there are before it is used.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_IMPORT_GGUF_H
#define PICOLLM_IMPORT_GGUF_H

#include "picollm/Import/WeightReader.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <vector>

namespace picollm {

/// Types of metadata values, numbered as in the file.
enum class GGUFType : uint32_t {
  UInt8,
  Int8,
  UInt16,
  Int16,
  UInt32,
  Int32,
  Float32,
  Bool,
  String,
  Array,
  UInt64,
  Int64,
  Float64,
};

/// "uint32", "string", ...
llvm::StringRef getName(GGUFType type);

/// A metadata value; strings point into the mapped file. A scalar is element 0
/// of a value whose isArray is false. The getters answer nothing where the
/// element is of another kind or does not fit.
class GGUFValue {
public:
  GGUFType elementType = GGUFType::UInt8;
  bool isArray = false;
  uint64_t count = 1;

  /// Integers of any width and sign, if not negative.
  std::optional<uint64_t> getUnsigned(uint64_t index = 0) const;
  std::optional<int64_t> getSigned(uint64_t index = 0) const;
  /// Floats and integers.
  std::optional<double> getDouble(uint64_t index = 0) const;
  std::optional<bool> getBool(uint64_t index = 0) const;
  std::optional<llvm::StringRef> getString(uint64_t index = 0) const;

  /// What a message calls it: "uint32", "array of string".
  std::string describeType() const;

private:
  friend class GGUFParser;
  llvm::StringRef bytes;                ///< of numbers
  std::vector<llvm::StringRef> strings; ///< of strings
};

/// A tensor; dimension 0 is the one that is contiguous (a row's columns).
struct GGUFTensor {
  std::string name;
  std::string encoding; ///< see WeightEncoding
  llvm::SmallVector<int64_t, 4> dimensions;
  int64_t offset = 0; ///< from the start of the file, in bytes
  int64_t size = 0;   ///< bytes
};

/// An open file: its metadata and where its tensors lie. All tensors lie
/// inside the file, have a readable encoding and distinct names.
class GGUFFile {
public:
  /// Maps and checks the file. Errors are one sentence that starts with path.
  static llvm::Expected<std::unique_ptr<GGUFFile>> open(llvm::StringRef path);

  /// The same for bytes in memory; `buffer`'s identifier is the path.
  static llvm::Expected<std::unique_ptr<GGUFFile>>
  parse(std::unique_ptr<llvm::MemoryBuffer> buffer);

  llvm::StringRef path() const { return buffer->getBufferIdentifier(); }
  uint32_t version() const { return formatVersion; }

  /// Null if there is none of this name.
  const GGUFValue *findValue(llvm::StringRef key) const;
  const GGUFTensor *findTensor(llvm::StringRef name) const;

  /// In the order of the file.
  llvm::ArrayRef<std::string> keys() const { return keyOrder; }
  llvm::ArrayRef<GGUFTensor> tensors() const { return allTensors; }

private:
  friend class GGUFParser;
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  uint32_t formatVersion = 0;
  llvm::StringMap<GGUFValue> values;
  std::vector<std::string> keyOrder;
  std::vector<GGUFTensor> allTensors;
  llvm::StringMap<size_t> tensorIndex;
};

} // namespace picollm

#endif // PICOLLM_IMPORT_GGUF_H
