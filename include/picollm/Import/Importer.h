//===- Importer.h - from a model file to the picollm dialect ----*- C++ -*-===//

#ifndef PICOLLM_IMPORT_IMPORTER_H
#define PICOLLM_IMPORT_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "picollm/Import/TokenizerData.h"
#include "picollm/Import/WeightReader.h"

namespace picollm {

class ModelFile;
namespace model {
class WeightOp;
} // namespace model

using ImportedTokenizer = TokenizerData;

/// Reads the model file at `path` (GGUF) into a module of the `picollm`
/// dialect, which the importer loads into `context`. The module has the
/// attribute `picollm.config`, one `picollm.weight` per tensor, named as in
/// GGUF, and
///   func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>)
///       -> tensor<?xVxf32>
/// Weights stay in the file: their references hold its absolute path.
/// `tokenizer` receives the file's tokenizer; its `model` is empty if there is
/// none. Errors are one sentence that starts with the path.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(llvm::StringRef path, mlir::MLIRContext &context,
            ImportedTokenizer &tokenizer);

/// The same from a file that is already open.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(const ModelFile &file, mlir::MLIRContext &context);

/// The tensor that a weight of the IR refers to. A relative file name is taken
/// relative to `directory`, the directory of the IR (empty: the current one).
WeightSource toWeightSource(model::WeightOp weight,
                            llvm::StringRef directory = {});

} // namespace picollm

#endif // PICOLLM_IMPORT_IMPORTER_H
