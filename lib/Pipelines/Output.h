//===- Output.h - a folder or file that appears whole or not at all -*-C++-*-=//

#ifndef PICOLLM_LIB_PIPELINES_OUTPUT_H
#define PICOLLM_LIB_PIPELINES_OUTPUT_H

#include "picollm/Support/Folders.h"
#include "picollm/Support/Signals.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace picollm {

/// What a compilation makes: a folder, or one file. Everything is made in a
/// temporary folder <path>.partial-<random> beside it, which takes its place at
/// the end, or whose one file does. Without `commit` what was there before
/// stays, and the temporary is removed, on an interrupt too, unless it is worth
/// keeping; a process that is killed leaves it behind. The next one that writes
/// to the same path goes on in one with a checkpoint and removes others.
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

  /// The scratch folder for what the next process can go on from.
  std::string checkpointFolder() const;
  /// Whether it holds more than a minute's work, or an earlier process's.
  bool isWorthKeeping() const;
  /// Where the temporary is.
  llvm::StringRef temporaryFolder() const { return temporary; }

  /// Where the file of a file output is to be written before commit.
  std::string singleFile() const;

  /// Puts the output in its place. At every moment there is, whole, what was
  /// there before or the new output; on file systems that cannot exchange two
  /// names the place of a folder is empty for a moment.
  llvm::Error commit();

private:
  /// A folder that this process has locked.
  struct Temporary {
    std::string path;
    FolderLock lock;
    bool isAdopted = false;
  };
  Output(std::string path, Kind kind, Temporary temporary);
  static std::optional<Temporary> adopt(llvm::StringRef output);
  static llvm::Expected<Temporary> makeTemporary(llvm::StringRef output);
  llvm::Error commitFile();
  llvm::Error commitFolder();

  std::string path;
  Kind kind;
  std::string temporary;
  FolderLock lock; ///< tells other processes that the temporary is in use
  bool isAdopted;
  std::chrono::steady_clock::time_point begin;
  RemovedOnInterrupt removal;
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_OUTPUT_H
