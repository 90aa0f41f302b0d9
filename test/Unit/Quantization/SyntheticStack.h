//===- SyntheticStack.h - weights and inputs like a model's -----*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_QUANTIZATION_SYNTHETICSTACK_H
#define PICOLLM_TEST_UNIT_QUANTIZATION_SYNTHETICSTACK_H

#include "picollm/Quantization/Quantize.h"
#include <algorithm>
#include <cmath>
#include <random>

namespace picollm {

/// Matrices in memory, [panel][row * columns + column].
struct SyntheticStack {
  std::vector<std::vector<float>> values;
  WeightStack stack;

  SyntheticStack() = default;
  SyntheticStack(const SyntheticStack &) = delete; // stack reads from here
};

/// Gaussian weights whose rows and columns have their own sizes.
inline std::unique_ptr<SyntheticStack>
gaussianStack(int64_t columns, std::vector<int64_t> rows, unsigned seed = 1) {
  auto result = std::make_unique<SyntheticStack>();
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> columnSizes(columns);
  for (float &size : columnSizes)
    size = std::exp(0.5f * normal(random));
  for (int64_t count : rows) {
    std::vector<float> &values = result->values.emplace_back();
    for (int64_t i = 0; i < count; ++i) {
      float rowSize = 0.02f * std::exp(0.5f * normal(random));
      for (int64_t j = 0; j < columns; ++j)
        values.push_back(rowSize * columnSizes[j] * normal(random));
    }
    StackPanel &panel = result->stack.panels.emplace_back();
    panel.name = "p" + std::to_string(result->values.size() - 1);
    panel.rows = count;
  }
  result->stack.name = "synthetic";
  result->stack.columns = columns;
  result->stack.readRows = [self = result.get()](size_t panel, int64_t row,
                                                 int64_t count, float *out) {
    int64_t columns = self->stack.columns;
    std::copy_n(self->values[panel].begin() + row * columns, count * columns,
                out);
    return llvm::Error::success();
  };
  return result;
}

/// Second moment of an input whose columns have few common causes and sizes
/// that differ by orders of magnitude.
inline InputStatistics correlatedInput(int64_t columns, unsigned seed = 2) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  int64_t causes = std::max<int64_t>(columns / 4, 1);
  std::vector<float> mixing(columns * causes);
  for (int64_t j = 0; j < columns; ++j) {
    float size = std::exp(normal(random));
    for (int64_t k = 0; k < causes; ++k)
      mixing[j * causes + k] = size * normal(random);
  }
  InputStatistics statistics;
  statistics.moment.resize(columns * columns);
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < causes; ++k)
        sum += double(mixing[i * causes + k]) * mixing[j * causes + k];
      statistics.moment[i * columns + j] =
          float(sum / double(causes)) + (i == j ? 0.01f : 0.0f);
    }
  return statistics;
}

/// sum_i f_i (w_i - w'_i) H (w_i - w'_i)^T of one panel, in double precision;
/// with `relative`, over the same of w alone.
inline double outputError(const SyntheticStack &weights,
                          const QuantizedMatrix &matrix, size_t panel,
                          const InputStatistics &statistics,
                          bool relative = true) {
  int64_t columns = weights.stack.columns;
  std::vector<float> row(columns);
  auto norm = [&](const std::vector<double> &x) {
    double sum = 0;
    for (int64_t i = 0; i < columns; ++i)
      if (statistics.isDiagonal(columns))
        sum += x[i] * x[i] * statistics.moment[i];
      else
        for (int64_t j = 0; j < columns; ++j)
          sum += x[i] * x[j] * statistics.moment[i * columns + j];
    return sum;
  };
  double error = 0, whole = 0;
  const std::vector<float> &rowWeights = weights.stack.panels[panel].rowWeights;
  for (int64_t i = 0; i < matrix.layout.panels[panel].rows; ++i) {
    dequantizeRow(matrix, panel, i, row.data());
    const float *original = &weights.values[panel][i * columns];
    std::vector<double> difference(columns), copy(original, original + columns);
    for (int64_t j = 0; j < columns; ++j)
      difference[j] = double(original[j]) - row[j];
    double weight = rowWeights.empty() ? 1.0 : rowWeights[i];
    error += weight * norm(difference);
    whole += weight * norm(copy);
  }
  return relative ? error / whole : error;
}

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_QUANTIZATION_SYNTHETICSTACK_H
