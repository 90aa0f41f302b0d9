//===- FileSample.h - large files told apart quickly ------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_FILESAMPLE_H
#define PICOLLM_SUPPORT_FILESAMPLE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/SHA256.h"

namespace picollm {

/// Adds the size of a file and 64 KiB at each of 65 evenly spaced places of it:
/// enough to tell models apart, quick for any size.
llvm::Error addSample(llvm::SHA256 &hash, llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_SUPPORT_FILESAMPLE_H
