//===- StackRows.h - the rows of a stack, piece by piece --------*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_STACKROWS_H
#define PICOLLM_LIB_QUANTIZATION_STACKROWS_H

#include "picollm/Quantization/WeightStack.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace picollm {

/// Consecutive rows of one panel.
struct RowChunk {
  size_t panel = 0;
  int64_t row = 0; ///< first, inside the panel
  int64_t count = 0;
  int64_t stackRow = 0; ///< first, over all panels
};

/// Reads checked rows of a stack; keeps small stacks in memory.
class StackRows {
public:
  static constexpr int64_t chunkRows = 1024;

  /// Both must outlive this.
  static llvm::Expected<StackRows> open(const WeightStack &stack,
                                        int64_t cacheBytes);

  const WeightStack &stack() const { return *weights; }
  /// Fixed cuts of at most chunkRows rows, whole tiles, that never cross a
  /// panel.
  const std::vector<RowChunk> &chunks() const { return cuts; }

  /// Rows of `chunk` as [count][columns], in `buffer` or the cache. Fails where
  /// a weight is not finite. Safe from several threads with own buffers.
  llvm::Expected<const float *> read(const RowChunk &chunk,
                                     std::vector<float> &buffer) const;

private:
  llvm::Error readFinite(size_t panel, int64_t row, int64_t count,
                         float *out) const;

  const WeightStack *weights = nullptr;
  std::vector<RowChunk> cuts;
  std::vector<float> cache; ///< all rows, or empty
};

/// r_i and c_j of the stack after row and column normalisation.
struct StackScales {
  std::vector<uint16_t> rowHalves; ///< stored r_i; 0 for rows of zeros
  /// r_i = half * unit, with unit a power of two that goes into every a_s.
  float unit = 1;
  /// 1 / r_i for all rows of the stack, 0 where r_i is.
  std::vector<float> inverseRows;
  /// f_i r_i^2: squared error of W / r to loss.
  std::vector<float> lossWeights;
  std::vector<float> columns; ///< c_j, in input order
};

/// Scales under which rows and columns have a mean square near 1, by turns
/// (Sinkhorn and Knopp 1967, on squares).
llvm::Expected<StackScales> normalizeStack(const StackRows &rows);

/// Writes W / r of a chunk's rows by columns: out[k * stride + begin + i] is
/// row i, column order[k]; `weights` and `scales` are those of the stack.
void transposeRows(const float *rows, int64_t count, int64_t columns,
                   const float *inverseRows, const std::vector<uint32_t> &order,
                   float *out, int64_t stride);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_STACKROWS_H
