//===- Folders.cpp - folders that processes share -------------------------===//

#include "picollm/Support/Folders.h"
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>
#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

using namespace picollm;

FolderLock::FolderLock(FolderLock &&other)
    : descriptor(std::exchange(other.descriptor, -1)) {}

#ifdef _WIN32

std::optional<FolderLock> FolderLock::tryLock(llvm::StringRef) {
  return FolderLock(-1);
}
FolderLock::~FolderLock() = default;
bool FolderLock::isStill(llvm::StringRef) const { return true; }

#else

std::optional<FolderLock> FolderLock::tryLock(llvm::StringRef folder) {
  int descriptor =
      open(folder.str().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return std::nullopt;
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(descriptor);
    return std::nullopt;
  }
  return FolderLock(descriptor);
}

FolderLock::~FolderLock() {
  if (descriptor >= 0)
    close(descriptor);
}

bool FolderLock::isStill(llvm::StringRef folder) const {
  struct stat locked, named;
  return fstat(descriptor, &locked) == 0 &&
         stat(folder.str().c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

#endif

std::error_code picollm::exchangeNames(llvm::StringRef a, llvm::StringRef b) {
#ifdef RENAME_EXCHANGE // Linux, with a C library that has renameat2
  if (renameat2(AT_FDCWD, a.str().c_str(), AT_FDCWD, b.str().c_str(),
                RENAME_EXCHANGE) == 0)
    return {};
  if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
    return std::error_code(errno, std::generic_category());
#endif
  return std::make_error_code(std::errc::function_not_supported);
}
