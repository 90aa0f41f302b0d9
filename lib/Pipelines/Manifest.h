//===- Manifest.h - the small files of an output folder ---------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_MANIFEST_H
#define PICOLLM_LIB_PIPELINES_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "picollm/Attention/Attention.h"
#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Target/Target.h"
#include "llvm/ADT/StringMap.h"

namespace picollm {

/// What the packed matrices of a module take.
AllocationReport reportOf(mlir::ModuleOp module);

/// The orders of columns that a module after allocation has, by stack.
llvm::StringMap<std::vector<uint32_t>> plannedOrders(mlir::ModuleOp module);

/// Bytes of the weight file that the norms of a packed module take.
int64_t packedNormBytes(mlir::ModuleOp module);

/// What a compiled model is called and where it is from.
struct ModelIdentity {
  std::string name;   ///< of the library
  std::string source; ///< file name of the model
  std::string scheme; ///< of its compression
  KVCacheType kvCache = KVCacheType::F16;
  std::string buildId; ///< hexadecimal
  /// Hexadecimal, of all bytes of the weight file after its header, which has
  /// it too: they are not read again.
  std::string weightsSha256;
  std::string chatRefusal; ///< why its chat template cannot be used, or empty
};

/// manifest.json: what was compiled, from what, for what, and the SHA-256 of
/// `files`.
llvm::Error writeManifest(const ModelIdentity &model,
                          const AllocationReport &report,
                          const TargetDescription &target,
                          llvm::ArrayRef<std::string> files,
                          llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_MANIFEST_H
