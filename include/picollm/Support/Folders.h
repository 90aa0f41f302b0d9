//===- Folders.h - folders that processes share -----------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_FOLDERS_H
#define PICOLLM_SUPPORT_FOLDERS_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <system_error>

namespace picollm {

/// A lock on a folder that ends with the process that holds it, however that
/// ends. It goes with the folder when that is renamed.
class FolderLock {
public:
  /// Nothing where another process has it. On systems without such locks it is
  /// given to everybody who asks.
  static std::optional<FolderLock> tryLock(llvm::StringRef folder);
  FolderLock(FolderLock &&other);
  FolderLock &operator=(FolderLock &&) = delete;
  ~FolderLock();

  /// Whether the name still is that of the folder that was locked.
  bool isStill(llvm::StringRef folder) const;

private:
  explicit FolderLock(int descriptor) : descriptor(descriptor) {}
  int descriptor;
};

/// Gives two existing paths each other's name in one step. Fails with
/// std::errc::function_not_supported where system or file system cannot.
std::error_code exchangeNames(llvm::StringRef a, llvm::StringRef b);

} // namespace picollm

#endif // PICOLLM_SUPPORT_FOLDERS_H
