//===- Ops.h - the model level in plain C++ ---------------------*- C++ -*-===//
//
// What every op of the picollm dialect computes, and beside it its
// vector-Jacobian product: from d = dL/d(result) the gradients of L with
// respect to the operands. Activations are matrices with a row per token.
// Results never depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_REFERENCE_OPS_H
#define PICOLLM_REFERENCE_OPS_H

#include "picollm/Reference/Matrix.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

namespace picollm {

//===-- embedding
//----------------------------------------------------------===//

/// result[t] = weight[tokens[t]]; every token is in [0, weight.rows).
Matrix embedding(const Matrix &weight, llvm::ArrayRef<int32_t> tokens);

/// Gradient of the weight (rows x d.columns); rows of equal tokens add up.
Matrix embeddingVjp(int64_t rows, llvm::ArrayRef<int32_t> tokens,
                    const Matrix &d);

/// x times `scale` rounded to float, which an embedding may have; the same of d
/// is the gradient of x.
Matrix scaled(Matrix x, double scale);

//===-- rms_norm
//-----------------------------------------------------------===//

/// result[t][j] = x[t][j] * (1 / sqrt(mean_j(x[t]^2) + epsilon)) * weight[j].
/// Where x has more columns than there are weights, a multiple, each head of so
/// many columns is normalised by itself.
Matrix rmsNorm(const Matrix &x, llvm::ArrayRef<float> weight, double epsilon);

struct RMSNormGradient {
  Matrix input;
  std::vector<float> weight;
};
RMSNormGradient rmsNormVjp(const Matrix &x, llvm::ArrayRef<float> weight,
                           double epsilon, const Matrix &d);

//===-- linear and logits
//--------------------------------------------------===//

/// Rows of a weight that one tile of a product uses.
inline constexpr int64_t linearTileRows = 192;

/// Gives rows [row, row + count) of a weight, count <= linearTileRows: either
/// memory of its own or `scratch` (count x columns) after filling it. Called
/// from several threads.
using WeightRows = llvm::function_ref<llvm::Expected<const float *>(
    int64_t row, int64_t count, float *scratch)>;

/// result[t][i] = sum_j weight[i][j] x[t][j].
Matrix linear(const Matrix &x, const Matrix &weight);

/// The same with weight (rows x x.columns) handed over tile by tile, so that it
/// need never be in memory as a whole; fails only where `weight` fails.
llvm::Expected<Matrix> linear(const Matrix &x, int64_t rows, WeightRows weight);

/// Gradient of x.
Matrix linearInputVjp(const Matrix &weight, const Matrix &d);
/// Gradient of the weight.
Matrix linearWeightVjp(const Matrix &x, const Matrix &d);

//===-- rotary
//-------------------------------------------------------------===//

/// Rotates the pairs (i, i + head_size / 2) of each of `heads` heads by the
/// angle positions[t] * frequencies[i] radians and multiplies them by `scale`.
/// x.columns = heads * head_size; frequencies: head_size / 2.
Matrix rotary(const Matrix &x, llvm::ArrayRef<int32_t> positions,
              llvm::ArrayRef<double> frequencies, double scale, int64_t heads);

/// Gradient of x: the rotation back, times `scale`.
Matrix rotaryVjp(llvm::ArrayRef<int32_t> positions,
                 llvm::ArrayRef<double> frequencies, double scale,
                 int64_t heads, const Matrix &d);

//===-- attention
//----------------------------------------------------------===//

/// The float nearest to x that is an IEEE half (ties to even; infinity where
/// x is beyond the halves).
float roundToHalf(float x);

struct AttentionHeads {
  int64_t heads = 0;   ///< query heads, a multiple of kvHeads
  int64_t kvHeads = 0; ///< query head h reads KV head h / (heads / kvHeads)
  int64_t headSize = 0;
  double scale = 1;   ///< factor of q k^T
  int64_t window = 0; ///< positions that a query attends to; 0: all before it
};

/// Keys and values of one layer and one sequence: a row of kvHeads * headSize
/// per position, floats that are halves.
struct LayerCache {
  Matrix keys, values;
  /// False keeps what is appended as it is, for comparisons with
  /// implementations whose cache is float32.
  bool half = true;

  int64_t positions() const { return keys.rows; }
  /// Forgets all but the first `count` positions.
  void truncate(int64_t count);
  /// Adds `count` rows, rounded to half if `half`.
  void append(const float *key, const float *value, int64_t count,
              int64_t columns);
};

/// Queries of consecutive positions of one sequence.
struct AttentionSpan {
  const float *query; ///< rows x (heads * headSize)
  int64_t rows;
  int64_t position; ///< of the first query; cache holds position + rows or more
  const LayerCache *cache;
  float *result; ///< as query
};

/// result = softmax(scale * q k^T) v for every query, over the positions 0 ..
/// its own, or the last `window` of them.
void attend(llvm::ArrayRef<AttentionSpan> spans, const AttentionHeads &shape);

/// A whole sequence that starts at position 0 with an empty cache.
Matrix attention(const Matrix &query, const Matrix &key, const Matrix &value,
                 const AttentionHeads &shape);

struct AttentionGradient {
  Matrix query, key, value;
};
/// Of the whole-sequence form; the rounding to half passes gradients unchanged.
AttentionGradient attentionVjp(const Matrix &query, const Matrix &key,
                               const Matrix &value, const AttentionHeads &shape,
                               const Matrix &d);

//===-- gated
//--------------------------------------------------------------===//

enum class Gate { SiLU, GeLUTanh };

/// silu(g) = g / (1 + exp(-g)); gelu_tanh(g) = g / 2 * (1 + tanh(sqrt(2 / pi) *
/// (g + 0.044715 g^3))) (Hendrycks and Gimpel, arXiv:1606.08415, section 2).
float gateFunction(Gate function, float g);
/// Its derivative at g.
float gateDerivative(Gate function, float g);

/// result = function(gate) * up, element by element.
Matrix gated(Gate function, const Matrix &gate, const Matrix &up);

struct GatedGradient {
  Matrix gate, up;
};
GatedGradient gatedVjp(Gate function, const Matrix &gate, const Matrix &up,
                       const Matrix &d);

//===-- add
//----------------------------------------------------------------===//

/// lhs + rhs. Both gradients are d itself.
Matrix add(const Matrix &lhs, const Matrix &rhs);

} // namespace picollm

#endif // PICOLLM_REFERENCE_OPS_H
