//===- WeightStack.h - matrices that read the same vector -------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_WEIGHTSTACK_H
#define PICOLLM_QUANTIZATION_WEIGHTSTACK_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace picollm {

/// Rows of one float matrix of a stack; become one row panel.
struct StackPanel {
  std::string name; ///< of the matrix
  int64_t rows = 0;
  /// f_i, the Fisher information of output i: its weight in the loss. Finite,
  /// not negative. Empty: 1 for every row.
  std::vector<float> rowWeights;
  /// E[g g^T] of the gradients g at the outputs, [rows][rows]; empty: unknown.
  /// What errors of a row cost is then made good by rows that follow it.
  std::vector<float> outputMoment;
  /// E[(r_float - r) x^T], [rows][columns], of the residual sum r that the
  /// output is added to and that of the float model; empty: none.
  std::vector<float> residualDrift;
  /// The same over InputHalf's texts.
  std::vector<float> residualDriftOfHalf;
};

/// Matrices with one input, stored as row panels over one order of columns:
/// q, k and v, gate and up, or a single matrix.
struct WeightStack {
  std::string name;
  int64_t columns = 0; ///< a multiple of stepColumns
  std::vector<StackPanel> panels;
  /// Reads rows [row, row + count) of a panel into out[count][columns]. Called
  /// several times for each row, from several threads at once.
  std::function<llvm::Error(size_t panel, int64_t row, int64_t count,
                            float *out)>
      readRows;

  int64_t rows() const;

  /// Of all rows, panel after panel; empty where no panel has any.
  std::vector<float> rowWeights() const;

  /// Checks sizes and row weights.
  llvm::Error check() const;
};

/// What some of the calibration texts say: how much of it the others confirm
/// tells signal from noise.
struct InputHalf {
  double share = 0; ///< of all tokens, in (0, 1); 0: nothing is known
  std::vector<float> moment, drift; ///< as in InputStatistics
};

/// Second moment of the stack's input over calibration text.
struct InputStatistics {
  /// E[x x^T] as [columns][columns], symmetric, or its diagonal as [columns].
  std::vector<float> moment;
  /// E[(x_float - x) x^T], [columns][columns], of the float model's input;
  /// empty: the inputs are the same, or unknown.
  std::vector<float> drift;
  InputHalf half;

  /// An input of independent columns of one mean square: that of an embedding
  /// which is only looked up.
  static InputStatistics uniform(int64_t columns, float meanSquare);

  /// E[x_j^2] of column j of so many.
  float meanSquare(int64_t j, int64_t columns) const {
    return moment[isDiagonal(columns) ? j : j * (columns + 1)];
  }

  bool isDiagonal(int64_t columns) const {
    return moment.size() == static_cast<size_t>(columns);
  }

  /// Checks sizes and that numbers are finite, the diagonal not negative.
  llvm::Error check(const WeightStack &stack) const;
};

struct QuantizationOptions {
  /// Columns that share a width; 16 costs a little time in kernels and serves
  /// narrow matrices better. A multiple of stepColumns.
  int64_t widthColumns = 32;
  /// A matrix is cut into at most so many panels of at least so many rows, each
  /// of which takes at least this share off the loss (see RowPanels.h).
  int64_t panels = 16;
  int64_t panelRows = 512;
  double panelGain = 0.005;
  /// Added to the diagonal of the moment, as a share of its mean.
  double damping = 0.01;
  /// The same for the moment of the outputs, which few texts estimate badly: a
  /// small one fits their noise.
  double outputDamping = 1.0;
  /// Added to the diagonal of the moment where drift is made good, as a share
  /// of its mean.
  double driftDamping = 0.1;
  /// Rows, evenly spaced over the stack, that choose the column scales.
  int64_t sampleRows = 4096;
  /// Stacks of up to this many bytes of floats are read once and kept.
  int64_t cacheBytes = int64_t(128) << 20;
  /// Sweeps of coordinate descent over the codes after error feedback.
  int64_t refinementSweeps = 2;
  /// Least-squares fits of the scales for the chosen codes.
  bool refitScales = true;
};

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_WEIGHTSTACK_H
