//===- Checkpoint.h - what a long pass has done so far ----------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_CHECKPOINT_H
#define PICOLLM_SUPPORT_CHECKPOINT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace picollm {

/// A folder in which a long pass keeps what it has done, so that after a kill
/// the next process goes on from there. The pass writes files, then says with
/// setSteps that they are whole. One without a folder keeps nothing.
class Checkpoint {
public:
  Checkpoint() = default;

  /// Makes `folder` where it is missing. What is in it stays if it was kept
  /// under the same `key`, which tells apart whatever changes a result; else it
  /// is removed. An empty path: without a folder.
  static llvm::Expected<Checkpoint> open(llvm::StringRef folder,
                                         llvm::StringRef key);

  bool isKept() const { return !folder.empty(); }

  /// Path of a file in the folder; empty without one.
  std::string file(const llvm::Twine &name) const;

  /// Path of the file for what is summed up over the steps, as it is after so
  /// many. Two of them are there at a time, as the process may be killed
  /// between its writing and setSteps.
  std::string sumsFile(int64_t steps) const {
    return file("sums-" + llvm::Twine(steps % 2));
  }

  /// How many steps of the pass are done and need not be done again.
  int64_t steps() const { return done; }

  llvm::Error setSteps(int64_t steps);

private:
  void readSteps();

  std::string folder;
  int64_t done = 0;
};

} // namespace picollm

#endif // PICOLLM_SUPPORT_CHECKPOINT_H
