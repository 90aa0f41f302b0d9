//===- PackedModel.h - a packed model as one file ---------------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_PACKEDMODEL_H
#define PICOLLM_COMPRESSION_PACKEDMODEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "picollm/Packing/PackFile.h"

namespace picollm {

/// Attributes of a module that say where it is from: the file name of the model
/// and the scheme of its compression.
inline constexpr llvm::StringLiteral sourceAttribute = "picollm.source";
inline constexpr llvm::StringLiteral schemeAttribute = "picollm.scheme";

/// Writes a module after the stage pack and the files beside it to one .picollm
/// file. The module is left as it is. `weightFile`: the path of the weight file
/// that it refers to.
llvm::Error writePackedModel(mlir::ModuleOp module, llvm::StringRef tokenizer,
                             llvm::StringRef allocation,
                             llvm::StringRef weightFile, llvm::StringRef path);

/// A .picollm file and its module.
struct PackedModel {
  std::unique_ptr<PackFile> file;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Reads and checks a .picollm file. The dialects of the module are loaded into
/// `context`, which must outlive it. The module's references to packed bytes
/// are into the .picollm file itself. Errors are one sentence that starts with
/// the path.
llvm::Expected<PackedModel> readPackedModel(llvm::StringRef path,
                                            mlir::MLIRContext &context);

/// Makes the references of a packed module that are into the file `from` point
/// into the file `to`, `shift` bytes further on.
void moveReferences(mlir::ModuleOp module, llvm::StringRef from,
                    llvm::StringRef to, int64_t shift);

} // namespace picollm

#endif // PICOLLM_COMPRESSION_PACKEDMODEL_H
