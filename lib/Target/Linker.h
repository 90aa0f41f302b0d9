//===- Linker.h - linkers as processes --------------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_TARGET_LINKER_H
#define PICOLLM_LIB_TARGET_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Object/Archive.h"
#include "llvm/Support/Error.h"
#include <string>

namespace picollm {

/// The lld that CMake found with LLVM, else one on the path.
llvm::Expected<std::string> findLinker();

/// Runs `command` (a linker or a compiler driver and its arguments), which gets
/// `prefix` before flags of the linker ("-Wl," for a driver), to link the
/// shared library `path` that exports `exports` and nothing else. The file
/// appears complete or not at all; on failure the error carries the linker's
/// message.
llvm::Error runLinker(llvm::ArrayRef<std::string> command,
                      llvm::StringRef prefix,
                      llvm::ArrayRef<std::string> exports,
                      llvm::StringRef path);

/// Opens a static library.
llvm::Expected<llvm::object::OwningBinary<llvm::object::Archive>>
openArchive(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_LIB_TARGET_LINKER_H
