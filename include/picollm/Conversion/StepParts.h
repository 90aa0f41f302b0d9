//===- StepParts.h - generates the functions of a step ----------*- C++ -*-===//

#ifndef PICOLLM_CONVERSION_STEPPARTS_H
#define PICOLLM_CONVERSION_STEPPARTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "picollm/Attention/Attention.h"
#include "picollm/Conversion/InstructionSet.h"
#include "picollm/Layout/Layout.h"
#include <memory>
#include <optional>

namespace picollm {

/// What a matrix product does with its sums.
enum class LinearEpilogue { Store, Add, SiLU, GeLUTanh };

class KernelBuilder;
class FunctionTable;

/// Rotary attention of one layer, see picollm_step.attention.
struct AttentionPart {
  int64_t heads = 0, kvHeads = 0, headSize = 0;
  double scale = 1;
  bool rotate = true;
  std::optional<double> normEpsilon; ///< of the norms of heads, where there are
  std::string function;              ///< symbol of the AttentionFunction
  int64_t window = 0;                ///< as in AttentionShape
  KVCacheType cache = KVCacheType::F16;

  AttentionShape shape() const {
    return {headSize, heads / kvHeads, window, cache};
  }
};

/// Bytes of the memory that the threads share for the states of a divided
/// context (attentionParts); 0 where none is ever divided.
int64_t sharedAttentionBytes(const AttentionShape &shape, int64_t kvHeads);

/// Generates the functions of one instruction set into a module; equal requests
/// give one function. All are private. Pointers are to data as in
/// runtime/include/picollm/abi.h; `matrix` is the first byte of a packed
/// matrix; rows of tokens lie one after the other; `callRows`: how many rows
/// the whole call has, of which `tokens` are at hand (Rows); counts and indices
/// are int64_t.
class StepParts {
public:
  StepParts(mlir::ModuleOp module, InstructionSet isa);
  ~StepParts();

  /// void(matrix, const encoded, float *out..., tokens, callRows, thread,
  /// threads); for Store one `out` per source, else one. `sources` covers the
  /// panels, in order: one source for Add, two of one panel each and equal rows
  /// for gates.
  mlir::func::FuncOp linear(const MatrixLayout &layout,
                            llvm::ArrayRef<PanelRange> sources,
                            LinearEpilogue epilogue);

  /// void(matrix, const float *input, [const float *norm,] encoded, tokens,
  /// callRows, thread, threads); with `epsilon` the input is normalised first.
  mlir::func::FuncOp encode(const MatrixLayout &layout,
                            std::optional<double> epsilon);

  /// void(matrix, const int32_t *ids, float *out, tokens, thread, threads);
  /// rows times `scale`, where given.
  mlir::func::FuncOp embedding(const MatrixLayout &layout,
                               std::optional<double> scale = {});

  /// void(const float *input, const float *norm, float *output, tokens, thread,
  /// threads); output = output + the norm of input, rows of `columns`.
  mlir::func::FuncOp addNorm(int64_t columns, double epsilon);

  /// void(float *out, sequences, sequence count, tokens, thread, threads); rows
  /// of cosines, then sines, one each per frequency. sequences: those of
  /// picollm_step_arguments.
  mlir::func::FuncOp rotation(llvm::ArrayRef<double> frequencies, double scale);

  /// void(float *query, float *key, const float *value, const float *angles,
  /// [const float *queryNorm, const float *keyNorm,] sequences, sequence count,
  /// key layer, value layer, workspaces, float *out, void *barrier, wait,
  /// thread, threads); the norms with `normEpsilon`. sequences: those of
  /// picollm_step_arguments; key layer, value layer: counted from the first of
  /// their KV caches, keys and then values. workspaces:
  /// attentionWorkspaceFloats of each thread, then sharedAttentionBytes.
  /// Changes query and key in place.
  mlir::func::FuncOp attention(const AttentionPart &part);

private:
  std::unique_ptr<KernelBuilder> builder;
  std::unique_ptr<FunctionTable> table;
};

} // namespace picollm

#endif // PICOLLM_CONVERSION_STEPPARTS_H
