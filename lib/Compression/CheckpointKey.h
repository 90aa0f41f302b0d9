//===- CheckpointKey.h - what a pass's result depends on --------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_CHECKPOINTKEY_H
#define PICOLLM_LIB_COMPRESSION_CHECKPOINTKEY_H

#include "mlir/IR/BuiltinOps.h"
#include "picollm/Support/Checkpoint.h"

namespace picollm {

/// Opens the folder of a pass over `module` under a key of all that its result
/// depends on: this program, the module, the files that its weights and its
/// plan refer to, the file of tokens, and `options`, which has the names of the
/// files that the pass writes.
llvm::Expected<Checkpoint> openCheckpoint(llvm::StringRef folder,
                                          mlir::ModuleOp module,
                                          llvm::StringRef tokens,
                                          llvm::StringRef options);

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_CHECKPOINTKEY_H
