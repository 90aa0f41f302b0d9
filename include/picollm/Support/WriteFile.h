//===- WriteFile.h - files that appear whole or not at all ------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_WRITEFILE_H
#define PICOLLM_SUPPORT_WRITEFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace picollm {

/// A file that is being written.
class FileStream : public llvm::raw_fd_ostream {
public:
  FileStream(int descriptor, llvm::StringRef path)
      : raw_fd_ostream(descriptor, /*shouldClose=*/false), path(path) {}

  /// Appends `bytes` bytes of the file `source` from `offset` on. The system
  /// copies them itself where it can, without a second copy on the disk where
  /// the file system shares blocks.
  llvm::Error append(llvm::StringRef source, uint64_t offset, uint64_t bytes);

private:
  std::string path;
};

/// Writes a file under a temporary name beside `path` and gives it its name
/// once every byte is there. On failure (of `write`, or of the system: a full
/// disk) the temporary is removed and an older file at `path` stays.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<llvm::Error(FileStream &)> write);
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef content);

/// Flushes a stream and turns what went wrong with it so far into an error that
/// names `path`. A stream that still has its error when it is destroyed ends
/// the program.
llvm::Error takeError(llvm::raw_fd_ostream &stream, llvm::StringRef path);

/// `error`, or, where that is none, what went wrong with stdout. A tool calls
/// it last.
llvm::Error flushStdout(llvm::Error error);

} // namespace picollm

#endif // PICOLLM_SUPPORT_WRITEFILE_H
