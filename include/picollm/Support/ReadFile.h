//===- ReadFile.h - the bytes of a file -------------------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_READFILE_H
#define PICOLLM_SUPPORT_READFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace picollm {

/// Mapped where the system can; no zero byte follows. The error names the file
/// and the reason.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_SUPPORT_READFILE_H
