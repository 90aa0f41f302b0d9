//===- TargetLookup.h - LLVM's targets --------------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_TARGET_TARGETLOOKUP_H
#define PICOLLM_LIB_TARGET_TARGETLOOKUP_H

#include "llvm/Support/Error.h"

namespace llvm {
class Target;
}

namespace picollm {

/// Registers LLVM's targets, once; safe to call again.
void initializeTargets();

/// The target of a triple, or an error that says what -target takes.
llvm::Expected<const llvm::Target *> lookUpTarget(llvm::StringRef triple);

} // namespace picollm

#endif // PICOLLM_LIB_TARGET_TARGETLOOKUP_H
