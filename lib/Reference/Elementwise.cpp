//===- Elementwise.cpp - embedding, norm, rotation, gate, sum -------------===//

#include "picollm/Reference/Ops.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

/// Rows that are worth a thread.
static int64_t rowsOfRun(const Matrix &x) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, x.columns));
}

/// Calls body(first, last) for runs of rows.
static void forRowRuns(const Matrix &x,
                       llvm::function_ref<void(int64_t, int64_t)> body) {
  const int64_t run = rowsOfRun(x);
  parallelForTiles(x.rows, run, [&](int64_t first, int64_t count) {
    body(first, first + count);
  });
}

Matrix picollm::embedding(const Matrix &weight,
                          llvm::ArrayRef<int32_t> tokens) {
  Matrix result(tokens.size(), weight.columns);
  for (size_t t = 0; t < tokens.size(); ++t)
    std::copy_n(weight.row(tokens[t]), weight.columns, result.row(t));
  return result;
}

Matrix picollm::embeddingVjp(int64_t rows, llvm::ArrayRef<int32_t> tokens,
                             const Matrix &d) {
  Matrix gradient(rows, d.columns);
  for (size_t t = 0; t < tokens.size(); ++t)
    for (int64_t j = 0; j < d.columns; ++j)
      gradient.row(tokens[t])[j] += d.row(t)[j];
  return gradient;
}

Matrix picollm::scaled(Matrix x, double scale) {
  for (float &value : x.data)
    value *= float(scale);
  return x;
}

/// 1 / sqrt(mean(x^2) + epsilon) of one row or head; the sum in double.
static float inverseRMS(const float *x, int64_t columns, double epsilon) {
  double squares = 0;
  for (int64_t j = 0; j < columns; ++j)
    squares += double(x[j]) * x[j];
  return 1.0 / std::sqrt(squares / columns + epsilon);
}

Matrix picollm::rmsNorm(const Matrix &x, llvm::ArrayRef<float> weight,
                        double epsilon) {
  Matrix result(x.rows, x.columns);
  int64_t size = weight.size();
  forRowRuns(x, [&](int64_t first, int64_t last) {
    for (int64_t i = first * x.columns; i < last * x.columns; i += size) {
      const float *in = x.data.data() + i;
      float *out = result.data.data() + i;
      float s = inverseRMS(in, size, epsilon);
      for (int64_t j = 0; j < size; ++j)
        out[j] = in[j] * s * weight[j];
    }
  });
  return result;
}

RMSNormGradient picollm::rmsNormVjp(const Matrix &x,
                                    llvm::ArrayRef<float> weight,
                                    double epsilon, const Matrix &d) {
  // With s = 1 / sqrt(mean(x^2) + epsilon), ds/dx_j = -s^3 x_j / size:
  // dL/dx_j = s w_j d_j - s^3 x_j / size * sum_k d_k w_k x_k.
  int64_t size = weight.size();
  RMSNormGradient gradient{Matrix(x.rows, x.columns), std::vector<float>(size)};
  const int64_t run = rowsOfRun(x);
  // [run][j], so that sums do not depend on the threads.
  Matrix weights((x.rows + run - 1) / run, size);
  forRowRuns(x, [&](int64_t first, int64_t last) {
    float *sums = weights.row(first / run);
    for (int64_t i = first * x.columns; i < last * x.columns; i += size) {
      const float *in = x.data.data() + i, *dt = d.data.data() + i;
      float *out = gradient.input.data.data() + i;
      float s = inverseRMS(in, size, epsilon);
      double dot = 0;
      for (int64_t j = 0; j < size; ++j) {
        dot += double(dt[j]) * weight[j] * in[j];
        sums[j] += dt[j] * in[j] * s;
      }
      float shift = double(s) * s * s * dot / size;
      for (int64_t j = 0; j < size; ++j)
        out[j] = s * weight[j] * dt[j] - shift * in[j];
    }
  });
  for (int64_t i = 0; i < weights.rows; ++i)
    for (int64_t j = 0; j < size; ++j)
      gradient.weight[j] += weights.row(i)[j];
  return gradient;
}

/// Rotates by sign * positions[t] * frequencies[i].
static Matrix rotate(const Matrix &x, llvm::ArrayRef<int32_t> positions,
                     llvm::ArrayRef<double> frequencies, double scale,
                     int64_t heads, double sign) {
  Matrix result(x.rows, x.columns);
  int64_t half = frequencies.size();
  forRowRuns(x, [&](int64_t first, int64_t last) {
    std::vector<float> cosines(half), sines(half);
    for (int64_t t = first; t < last; ++t) {
      for (int64_t i = 0; i < half; ++i) {
        double angle = positions[t] * frequencies[i];
        cosines[i] = std::cos(angle) * scale;
        sines[i] = sign * std::sin(angle) * scale;
      }
      for (int64_t h = 0; h < heads; ++h) {
        const float *in = x.row(t) + 2 * half * h;
        float *out = result.row(t) + 2 * half * h;
        for (int64_t i = 0; i < half; ++i) {
          out[i] = in[i] * cosines[i] - in[i + half] * sines[i];
          out[i + half] = in[i + half] * cosines[i] + in[i] * sines[i];
        }
      }
    }
  });
  return result;
}

Matrix picollm::rotary(const Matrix &x, llvm::ArrayRef<int32_t> positions,
                       llvm::ArrayRef<double> frequencies, double scale,
                       int64_t heads) {
  return rotate(x, positions, frequencies, scale, heads, 1);
}

Matrix picollm::rotaryVjp(llvm::ArrayRef<int32_t> positions,
                          llvm::ArrayRef<double> frequencies, double scale,
                          int64_t heads, const Matrix &d) {
  return rotate(d, positions, frequencies, scale, heads, -1);
}

// sqrt(2 / pi) and the cubic coefficient of gelu_tanh.
static constexpr float geluSlope = 0.7978845608028654f;
static constexpr float geluCubic = 0.044715f;

float picollm::gateFunction(Gate function, float g) {
  if (function == Gate::SiLU)
    return g / (1 + std::exp(-g));
  return 0.5f * g * (1 + std::tanh(geluSlope * (g + geluCubic * g * g * g)));
}

float picollm::gateDerivative(Gate function, float g) {
  if (function == Gate::SiLU) {
    float sigmoid = 1 / (1 + std::exp(-g));
    return sigmoid * (1 + g * (1 - sigmoid));
  }
  float t = std::tanh(geluSlope * (g + geluCubic * g * g * g));
  float inner = geluSlope * (1 + 3 * geluCubic * g * g);
  return 0.5f * (1 + t) + 0.5f * g * (1 - t * t) * inner;
}

Matrix picollm::gated(Gate function, const Matrix &gate, const Matrix &up) {
  Matrix result(gate.rows, gate.columns);
  forRowRuns(gate, [&](int64_t first, int64_t last) {
    for (int64_t i = first * gate.columns; i < last * gate.columns; ++i)
      result.data[i] = gateFunction(function, gate.data[i]) * up.data[i];
  });
  return result;
}

GatedGradient picollm::gatedVjp(Gate function, const Matrix &gate,
                                const Matrix &up, const Matrix &d) {
  GatedGradient gradient{Matrix(gate.rows, gate.columns),
                         Matrix(gate.rows, gate.columns)};
  forRowRuns(gate, [&](int64_t first, int64_t last) {
    for (int64_t i = first * gate.columns; i < last * gate.columns; ++i) {
      gradient.gate.data[i] =
          d.data[i] * up.data[i] * gateDerivative(function, gate.data[i]);
      gradient.up.data[i] = d.data[i] * gateFunction(function, gate.data[i]);
    }
  });
  return gradient;
}

Matrix picollm::add(const Matrix &lhs, const Matrix &rhs) {
  Matrix result(lhs.rows, lhs.columns);
  forRowRuns(lhs, [&](int64_t first, int64_t last) {
    for (int64_t i = first * lhs.columns; i < last * lhs.columns; ++i)
      result.data[i] = lhs.data[i] + rhs.data[i];
  });
  return result;
}
