//===- Stacks.h - matrices that read the same vector ------------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_STACKS_H
#define PICOLLM_COMPRESSION_STACKS_H

#include "PicoLLM/Model/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "picollm/Calibration/LinearInput.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace picollm {

/// The matrices that are packed together as the panels of one: the linears
/// that read the same value, or an embedding. They share one order of columns.
struct Stack {
  std::string name; ///< "blk.0.attn_qkv"; a single matrix keeps its own name
  std::vector<model::WeightOp> panels;
  /// The ops that read the panels as a linear or as logits; empty for an
  /// embedding that is no head.
  std::vector<mlir::Operation *> readers;
  bool isEmbedding = false; ///< rows are looked up by token
  int64_t columns = 0;

  /// True for one matrix with a row for every token, an embedding or a head:
  /// its rows may be cut into several panels.
  bool hasRowsOfTokens() const;

  int64_t rows(size_t panel) const;
  int64_t weights() const; ///< elements of all panels
};

/// The stacks of a model-level module, in the order in which @forward reads
/// them. A weight that is both embedding and head is one stack. Fails where
/// @forward is missing.
llvm::Expected<std::vector<Stack>> findStacks(mlir::ModuleOp module);

/// The stack whose panels multiply an input; fails where there is none.
llvm::Expected<const Stack &> findStackOf(const LinearInput &input,
                                          llvm::ArrayRef<Stack> stacks);

/// The weights that no stack holds (norms), in the order of the module.
std::vector<model::WeightOp> otherWeights(mlir::ModuleOp module,
                                          llvm::ArrayRef<Stack> stacks);

} // namespace picollm

#endif // PICOLLM_COMPRESSION_STACKS_H
