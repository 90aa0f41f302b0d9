//===- Output.h - a folder or file that appears whole or not at all -*-C++-*-=//

#ifndef PICOLLM_LIB_PIPELINES_OUTPUT_H
#define PICOLLM_LIB_PIPELINES_OUTPUT_H

#include "picollm/Support/Folders.h"
#include "picollm/Support/Signals.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace picollm {

/// What a compilation makes: a folder, or one file. Everything is made in a
/// temporary folder <path>.partial-<random> beside it, which takes its place at
/// the end, or whose one file does. Without `commit` the temporary is removed
/// and what was there before stays. A process that is killed leaves the
/// temporary behind; the next one that writes to the same path removes it.
class Output {
public:
  enum class Kind { Folder, File };

  /// Fails where the path exists and holds anything but an earlier output of
  /// that kind, or where the temporary cannot be made.
  static llvm::Expected<std::unique_ptr<Output>> create(llvm::StringRef path,
                                                        Kind kind);
  ~Output();

  /// Path of a file in the temporary folder.
  std::string file(const llvm::Twine &name) const;

  /// A place for files that are no part of the output; removed by commit.
  std::string scratchFile(const llvm::Twine &name) const;

  /// Where the file of a file output is to be written before commit.
  std::string singleFile() const;

  /// Puts the output in its place. At every moment there is, whole, what was
  /// there before or the new output; on file systems that cannot exchange two
  /// names the place of a folder is empty for a moment.
  llvm::Error commit();

private:
  Output(std::string path, Kind kind, std::string temporary, FolderLock lock)
      : path(std::move(path)), kind(kind), temporary(std::move(temporary)),
        lock(std::move(lock)), removal(this->temporary) {}
  llvm::Error commitFile();
  llvm::Error commitFolder();

  std::string path;
  Kind kind;
  std::string temporary;
  FolderLock lock; ///< tells other processes that the temporary is in use
  RemovedOnInterrupt removal;
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_OUTPUT_H
