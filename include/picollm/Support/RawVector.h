//===- RawVector.h - vectors in files of one machine ------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_RAWVECTOR_H
#define PICOLLM_SUPPORT_RAWVECTOR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <type_traits>
#include <vector>

namespace picollm {

/// Writes the elements of a vector as they lie in memory.
template <typename T>
void writeElements(llvm::raw_ostream &os, const std::vector<T> &values) {
  static_assert(std::is_trivially_copyable_v<T>);
  os.write(reinterpret_cast<const char *>(values.data()),
           values.size() * sizeof(T));
}

/// Takes `count` elements off the front of `bytes`; false where it is too
/// short.
template <typename T>
bool readElements(llvm::StringRef &bytes, uint64_t count,
                  std::vector<T> &values) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() / sizeof(T) < count)
    return false;
  values.resize(count);
  // An empty vector has no address, and memcpy wants one even for no bytes.
  if (count > 0)
    std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes = bytes.drop_front(count * sizeof(T));
  return true;
}

/// The same behind their number.
template <typename T>
void writeSized(llvm::raw_ostream &os, const std::vector<T> &values) {
  writeElements(os, std::vector<uint64_t>{values.size()});
  writeElements(os, values);
}
template <typename T>
bool readSized(llvm::StringRef &bytes, std::vector<T> &values) {
  std::vector<uint64_t> count;
  return readElements(bytes, 1, count) && readElements(bytes, count[0], values);
}

} // namespace picollm

#endif // PICOLLM_SUPPORT_RAWVECTOR_H
