//===- Manifest.h - the small files of an output folder ---------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_MANIFEST_H
#define PICOLLM_LIB_PIPELINES_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "picollm/Pipelines/Compile.h"
#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Target/Target.h"

namespace picollm {

/// What the packed matrices of a module take.
AllocationReport reportOf(mlir::ModuleOp module);

/// manifest.json: what was compiled, from what, for what, and the SHA-256 of
/// the other files of the folder.
llvm::Error writeManifest(const CompileOptions &options, llvm::StringRef name,
                          const AllocationReport &report,
                          llvm::StringRef buildId, llvm::StringRef chatRefusal,
                          const TargetDescription &target,
                          llvm::ArrayRef<std::string> files,
                          llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_MANIFEST_H
