//===- StepSearch.h - candidate steps of a column ---------------*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_STEPSEARCH_H
#define PICOLLM_LIB_QUANTIZATION_STEPSEARCH_H

#include <array>
#include <cstdint>

namespace picollm {

/// The scale of levels (Levels.h) that serves a unit Gaussian best, bits in
/// 1..8; where these are even, after Max 1960, table II. The segment scale a_s
/// of the layout, so that c_j stays near the size of the column.
inline float gaussianStep(int64_t bits) {
  constexpr std::array<float, 9> steps = {0,       0.7979f, 0.0788f,
                                          0.0463f, 0.0533f, 0.0660f,
                                          0.0335f, 0.0284f, 0.0154f};
  return steps[bits];
}

/// Multiples of the Gaussian step that are tried. Far above 1 because a column
/// with an outlier that matters is better coarse than clipped.
inline constexpr std::array<float, 12> stepMultiples = {
    0.7f, 0.8f, 0.9f, 1.0f, 1.1f, 1.25f, 1.45f, 1.75f, 2.2f, 2.8f, 3.7f, 5.0f};

/// Smaller steps are taken as none: the column is zeros.
inline constexpr float minUsableStep = 1e-12f;

/// Mean squared relative error of rounding to half, for values spread evenly
/// inside an octave [1, 2): 2^-20 / 12 over their mean square 7 / 3.
inline constexpr double halfRoundingError = 3.4e-8;

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_STEPSEARCH_H
