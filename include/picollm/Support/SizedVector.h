//===- SizedVector.h - vectors in the files of a checkpoint -----*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_SIZEDVECTOR_H
#define PICOLLM_SUPPORT_SIZEDVECTOR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <type_traits>
#include <vector>

namespace picollm {

/// Writes the length of a vector (u64) and its elements as they lie in memory.
template <typename T>
void writeSized(llvm::raw_ostream &os, const std::vector<T> &values) {
  static_assert(std::is_trivially_copyable_v<T>);
  const uint64_t count = values.size();
  os.write(reinterpret_cast<const char *>(&count), sizeof count);
  os.write(reinterpret_cast<const char *>(values.data()), count * sizeof(T));
}

/// Takes what writeSized wrote off the front of `bytes`; false where that is
/// not there.
template <typename T>
bool readSized(llvm::StringRef &bytes, std::vector<T> &values) {
  static_assert(std::is_trivially_copyable_v<T>);
  uint64_t count = 0;
  if (bytes.size() < sizeof count)
    return false;
  std::memcpy(&count, bytes.data(), sizeof count);
  bytes = bytes.drop_front(sizeof count);
  if (bytes.size() / sizeof(T) < count)
    return false;
  values.resize(count);
  if (count > 0)
    std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes = bytes.drop_front(count * sizeof(T));
  return true;
}

} // namespace picollm

#endif // PICOLLM_SUPPORT_SIZEDVECTOR_H
