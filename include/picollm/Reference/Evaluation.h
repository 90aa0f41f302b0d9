//===- Evaluation.h - one run of the ops of a model -------------*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_EVALUATION_H
#define PICOLLM_REFERENCE_EVALUATION_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "picollm/Reference/Ops.h"
#include "picollm/Reference/PackedLinear.h"
#include "picollm/Reference/PackedWeights.h"
#include "picollm/Reference/WeightStore.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <variant>

namespace picollm {

/// What an SSA value holds: tokens or positions, floats, or activations that
/// are encoded for a packed matrix.
using RuntimeValue =
    std::variant<std::monostate, std::vector<int32_t>, Matrix, EncodedRows>;

/// The KV cache of one sequence and how far it is filled.
struct Sequence {
  int64_t length = 0;
  std::vector<LayerCache> layers;
  bool halfCache = true; ///< LayerCache::half of the layers
};

/// Consecutive tokens of one sequence within a run; runs hold the rows of all
/// their spans one after another.
struct Span {
  int64_t rows = 0;
  int64_t position = 0;    ///< of the first token
  int64_t firstWanted = 0; ///< logits are wanted of rows firstWanted and later
  Sequence *sequence = nullptr; ///< null: starts at 0 and keeps no cache
};

/// Called before a linear or logits op is evaluated, with its input.
using LinearInputHook =
    std::function<void(mlir::Operation *op, const Matrix &input)>;

/// The state of one run.
struct Evaluation {
  WeightStore &weights;
  PackedWeights &packed;
  llvm::ArrayRef<Span> spans;
  LinearInputHook hook; ///< may be empty
  llvm::DenseMap<mlir::Value, RuntimeValue> values{};
  /// Values stay after their last use, for gradients.
  bool keepsValues = false;

  /// The value, which must hold a T.
  template <typename T> T &get(mlir::Value value) {
    return std::get<T>(values[value]);
  }
  Matrix &matrix(mlir::Value value) { return get<Matrix>(value); }
};

using EvaluateFunction = llvm::Error (*)(mlir::Operation *op,
                                         Evaluation &evaluation);

/// From the name of an op to its meaning.
using EvaluationTable = llvm::StringMap<EvaluateFunction>;

/// Ops of the model level (picollm.*).
void addModelLevel(EvaluationTable &table);
/// Ops of the layout level (picollm_layout.*).
void addLayoutLevel(EvaluationTable &table);
/// Ops of the step level (picollm_step.*), as one thread runs them.
void addStepLevel(EvaluationTable &table);

/// y = W x for each source of the packed matrix `weight`, which `op` names.
llvm::Expected<std::vector<Matrix>>
packedProducts(mlir::Operation *op, mlir::FlatSymbolRefAttr weight,
               const EncodedRows &x, PackedWeights &packed);

/// The rows whose logits are wanted, of all spans.
Matrix wantedRows(const Matrix &x, llvm::ArrayRef<Span> spans);

/// What each span has of `rows` rows: all that it has, or, where those are more
/// than `rows` together, the wanted ones.
llvm::SmallVector<int64_t> rowCounts(int64_t rows, llvm::ArrayRef<Span> spans);

/// Adds key and value to the caches of layer `layer` and attends, span by span.
/// `mayRound`: caches round to binary16 where their sequences say so.
Matrix attendSpans(const Matrix &query, const Matrix &key, const Matrix &value,
                   int64_t layer, const AttentionHeads &shape,
                   llvm::ArrayRef<Span> spans, bool mayRound = true);

} // namespace picollm

#endif // PICOLLM_REFERENCE_EVALUATION_H
