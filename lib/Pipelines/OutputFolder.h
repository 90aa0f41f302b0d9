//===- OutputFolder.h - a folder that appears whole or not at all -*- C++ -*-=//

#ifndef PICOLLM_LIB_PIPELINES_OUTPUTFOLDER_H
#define PICOLLM_LIB_PIPELINES_OUTPUTFOLDER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace picollm {

/// Files are made in a temporary folder beside the final one, which takes its
/// place at the end. Without `commit` the temporary is removed and what was
/// there before stays.
class OutputFolder {
public:
  /// Fails where the folder exists and holds anything but an earlier output,
  /// or where it cannot be made.
  static llvm::Expected<std::unique_ptr<OutputFolder>>
  create(llvm::StringRef path);
  ~OutputFolder();

  /// Path of a file in the temporary folder.
  std::string file(const llvm::Twine &name) const;

  /// A place for files that are no part of the output; removed by commit.
  std::string scratchFile(const llvm::Twine &name) const;

  llvm::Error commit();

private:
  OutputFolder(std::string path, std::string temporary)
      : path(std::move(path)), temporary(std::move(temporary)) {}

  std::string path, temporary;
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_OUTPUTFOLDER_H
