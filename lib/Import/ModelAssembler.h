//===- ModelAssembler.h - builds a model's IR op by op ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_MODELASSEMBLER_H
#define PICOLLM_LIB_IMPORT_MODELASSEMBLER_H

#include "PicoLLM/Model/Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "picollm/Import/ModelFile.h"
#include "llvm/ADT/StringSet.h"

namespace picollm {

/// The module of a model while its builder writes the forward function. Weights
/// are named as the tensors of the file and declared at their first use. The
/// first error is kept and given by `finish`, so that builders read like the
/// model; loops ask `failed()`.
class ModelAssembler {
public:
  ModelAssembler(mlir::MLIRContext &context, const ModelFile &file,
                 const ModelDescription &model);

  const ModelDescription &description() const { return model; }
  mlir::Value tokens();
  mlir::Value positions();

  bool hasTensor(llvm::StringRef name) const;

  /// A weight that must be rows x columns in the file. `interleavedHeads`: see
  /// picollm.weight; 0: rows as stored.
  mlir::FlatSymbolRefAttr matrix(llvm::StringRef name, int64_t rows,
                                 int64_t columns, int64_t interleavedHeads = 0);
  mlir::FlatSymbolRefAttr vector(llvm::StringRef name, int64_t size);

  /// The angles of the model's rotary embeddings; the file's tensor
  /// "rope_freqs.weight" is applied where there is one.
  model::RotationAttr rotation();
  /// Those of others, by their description alone.
  model::RotationAttr rotation(const RotaryDescription &rotary);

  // One op each; `weight` names a tensor of the file.
  mlir::Value embedding(llvm::StringRef weight,
                        std::optional<double> scale = {});
  mlir::Value rmsNorm(mlir::Value input, llvm::StringRef weight);
  /// Of each of `heads` heads by itself.
  mlir::Value headNorm(mlir::Value input, llvm::StringRef weight,
                       int64_t heads);
  /// Of `rows` outputs.
  mlir::Value linear(mlir::Value input, llvm::StringRef weight, int64_t rows,
                     int64_t interleavedHeads = 0);
  mlir::Value rotary(mlir::Value input, model::RotationAttr rotation,
                     int64_t heads);
  /// `window`: positions that a query attends to; 0: all before it.
  mlir::Value attention(mlir::Value query, mlir::Value key, mlir::Value value,
                        int64_t layer, int64_t window = 0);
  mlir::Value gated(model::GateFunction function, mlir::Value gate,
                    mlir::Value up);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value wanted(mlir::Value input);
  mlir::Value logits(mlir::Value input, llvm::StringRef weight);

  bool failed() const { return !error.empty(); }
  /// Keeps the first error; `message` goes after the path of the file.
  void fail(const llvm::Twine &message);

  /// Returns `logits` from the function. An error if one was kept, or if the
  /// file has tensors that were not used: the model would not be the file's.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> finish(mlir::Value logits);

private:
  mlir::FlatSymbolRefAttr declare(llvm::StringRef name, int64_t rows,
                                  int64_t columns, int64_t interleavedHeads,
                                  bool isVector);
  model::RotationAttr rotation(const RotaryDescription &rotary,
                               llvm::ArrayRef<float> factors);
  void checkUnusedTensors();
  mlir::RankedTensorType activation(int64_t columns);
  int64_t columnsOf(mlir::Value value);

  const ModelFile &file;
  const ModelDescription &model;
  mlir::OpBuilder builder; ///< in the body of the forward function
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp forward;
  llvm::StringSet<> used;
  std::string error;
};

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_MODELASSEMBLER_H
