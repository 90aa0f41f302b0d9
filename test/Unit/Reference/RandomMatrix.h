//===- RandomMatrix.h - a mixed-bit matrix of random codes ------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_REFERENCE_RANDOMMATRIX_H
#define PICOLLM_TEST_UNIT_REFERENCE_RANDOMMATRIX_H

#include "picollm/Quantization/QuantizedMatrix.h"
#include "picollm/Support/Half.h"
#include <algorithm>
#include <numeric>
#include <random>

namespace picollm {

inline QuantizedMatrix randomMatrix(int64_t columns, std::vector<Panel> panels,
                                    unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> scale(0.01f, 1.5f);
  QuantizedMatrix matrix;
  matrix.layout.columns = columns;
  matrix.layout.panels = std::move(panels);
  matrix.order.resize(columns);
  std::iota(matrix.order.begin(), matrix.order.end(), 0);
  std::shuffle(matrix.order.begin(), matrix.order.end(), generator);
  for (int64_t j = 0; j < columns; ++j)
    matrix.columnScales.push_back(floatToHalf(scale(generator)));
  for (const Panel &panel : matrix.layout.panels) {
    QuantizedPanel &values = matrix.panels.emplace_back();
    for (size_t s = 0; s < panel.segments.size(); ++s)
      values.segmentScales.push_back(scale(generator));
    for (int64_t i = 0; i < panel.rows; ++i) {
      values.rowScales.push_back(floatToHalf(scale(generator)));
      for (const Segment &segment : panel.segments)
        for (int64_t g = 0; g < segmentGroups(segment); ++g) {
          values.groupScales.push_back(floatToHalf(scale(generator)));
          values.zeros.push_back(generator() & ((1 << segment.bits) - 1));
        }
      for (const Segment &segment : panel.segments)
        for (int64_t j = 0; j < segment.columns; ++j)
          values.codes.push_back(segment.bits == 16
                                     ? floatToHalf(scale(generator) - 0.7f)
                                     : generator() & ((1 << segment.bits) - 1));
    }
  }
  return matrix;
}

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_REFERENCE_RANDOMMATRIX_H
