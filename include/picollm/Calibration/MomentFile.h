//===- MomentFile.h - second moments on disk --------------------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_MOMENTFILE_H
#define PICOLLM_CALIBRATION_MOMENTFILE_H

#include "picollm/Calibration/SecondMoment.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <cstdio>
#include <memory>

namespace picollm {

/// Finished second moments by name, each as the lower triangle in float32: a
/// scratch file between two stages of one compilation, in the byte order of
/// this machine.
class MomentFile {
public:
  /// An empty file to append to.
  static llvm::Expected<std::unique_ptr<MomentFile>>
  create(llvm::StringRef path);
  /// The same with the moments that a process which was killed left there, but
  /// for one that is not whole.
  static llvm::Expected<std::unique_ptr<MomentFile>>
  reopen(llvm::StringRef path);
  /// A file that `append` wrote.
  static llvm::Expected<std::unique_ptr<MomentFile>> open(llvm::StringRef path);
  ~MomentFile();

  llvm::Error append(llvm::StringRef name, const SecondMoment &moment);

  bool contains(llvm::StringRef name) const { return entries.contains(name); }
  /// The whole symmetric matrix, [columns][columns].
  llvm::Expected<std::vector<float>> read(llvm::StringRef name);

  llvm::Error finish();

private:
  struct Entry {
    int64_t offset = 0, columns = 0;
  };
  MomentFile(std::FILE *file, llvm::StringRef path) : file(file), path(path) {}
  int64_t size() const;
  llvm::Expected<int64_t> readIndex();
  llvm::Error failure(llvm::StringRef what) const;

  std::FILE *file;
  std::string path;
  llvm::StringMap<Entry> entries;
};

} // namespace picollm

#endif // PICOLLM_CALIBRATION_MOMENTFILE_H
