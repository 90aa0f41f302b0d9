//===- ReferenceModel.h - evaluates a model of the IR -----------*- C++ -*-===//

#ifndef PICOLLM_REFERENCE_REFERENCEMODEL_H
#define PICOLLM_REFERENCE_REFERENCEMODEL_H

#include "mlir/IR/BuiltinOps.h"
#include "picollm/Reference/Evaluation.h"

namespace picollm {

/// Tokens to append to a sequence.
struct Feed {
  Sequence *sequence; ///< not null; the caller's
  llvm::ArrayRef<int32_t> tokens;
  int64_t firstWanted = 0; ///< logits of tokens[firstWanted..) are returned
};

/// The interpreter: evaluates `func.func @forward` of a module, or its
/// `picollm_step.program`, on the CPU.
class ReferenceModel {
public:
  struct Options {
    /// What relative file names in the IR are relative to.
    std::string directory;
    /// Bytes of decoded weights that are kept in memory.
    int64_t weightBudget = int64_t(1) << 30;
  };

  /// Checks that every op has a meaning. Module and reader must outlive the
  /// model.
  static llvm::Expected<std::unique_ptr<ReferenceModel>>
  create(mlir::ModuleOp module, WeightReader &reader, const Options &options);
  static llvm::Expected<std::unique_ptr<ReferenceModel>>
  create(mlir::ModuleOp module, WeightReader &reader);

  int64_t vocabulary() const { return vocabularySize; }
  int64_t context() const { return contextSize; }

  /// Fails if a token is outside the vocabulary.
  llvm::Error checkTokens(llvm::ArrayRef<int32_t> tokens) const;

  /// Logits of tokens[firstWanted..) of a sequence of its own, a row each.
  /// Fails if a token is outside the vocabulary or there are more tokens than
  /// the context, or where weights cannot be read.
  llvm::Expected<Matrix> logits(llvm::ArrayRef<int32_t> tokens,
                                int64_t firstWanted = 0);

  /// Appends to several sequences at once (no two feeds may share one).
  /// Returns the rows of the wanted logits, feed by feed; on failure sequences
  /// are as before.
  llvm::Expected<Matrix> forward(llvm::ArrayRef<Feed> feeds);

  WeightStore &weights() { return store; }

  /// `hook` sees the input of every linear and logits op from now on.
  void setLinearInputHook(LinearInputHook newHook) { hook = newHook; }

  /// For those who run a part of the ops: the ops in order (without the
  /// terminator), and the values of tokens and positions.
  llvm::ArrayRef<mlir::Operation *> operations() const { return ops; }
  mlir::Value tokensValue() const { return tokens; }
  mlir::Value positionsValue() const { return positions; }

  /// Without values. `spans` must live as long as the evaluation.
  Evaluation startEvaluation(llvm::ArrayRef<Span> spans) {
    return {store, packed, spans, hook};
  }

  /// Evaluates ops [first, last) on `evaluation`, which holds the values that
  /// they use. A value is forgotten after its last use in the model, unless
  /// `evaluation` keeps values.
  llvm::Error evaluate(int64_t first, int64_t last, Evaluation &evaluation);

private:
  ReferenceModel(WeightReader &reader, const Options &options)
      : store(reader, options.weightBudget), packed(options.weightBudget) {}
  llvm::Error prepare(mlir::ModuleOp module, const Options &options);
  llvm::Error prepareOps(mlir::Block &block);
  llvm::Error check(llvm::ArrayRef<int32_t> tokens, int64_t position,
                    int64_t firstWanted) const;
  llvm::Expected<Matrix> run(llvm::ArrayRef<Span> spans,
                             std::vector<int32_t> allTokens);

  WeightStore store;
  PackedWeights packed;
  LinearInputHook hook;
  int64_t vocabularySize = 0, contextSize = 0;
  std::vector<mlir::Operation *> ops;
  std::vector<EvaluateFunction> functions;
  std::vector<llvm::SmallVector<mlir::Value, 2>> lastUses; ///< per op
  mlir::Value tokens, positions, result;
};

} // namespace picollm

#endif // PICOLLM_REFERENCE_REFERENCEMODEL_H
