//===- RandomMatrix.h - quantised matrices of any layout --------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_PACKING_RANDOMMATRIX_H
#define PICOLLM_TEST_UNIT_PACKING_RANDOMMATRIX_H

#include "picollm/Layout/Levels.h"
#include "picollm/Quantization/QuantizedMatrix.h"
#include "picollm/Support/Half.h"
#include <algorithm>
#include <numeric>
#include <random>

namespace picollm {

/// Up to three panels, as many as a call takes, each cut anew.
inline MatrixLayout randomLayout(std::mt19937 &random) {
  MatrixLayout layout;
  layout.columns = 8 * (1 + random() % (random() % 3 ? 16 : 80));
  for (unsigned panels = 1 + random() % 3; panels > 0; --panels) {
    Panel &panel = layout.panels.emplace_back();
    panel.rows = 1 + random() % 100;
    const unsigned pieces = 1 + random() % 6;
    for (int64_t left = layout.columns; left > 0;) {
      Segment segment;
      segment.bits = random() % 10;
      if (segment.bits == 9)
        segment.bits = 16;
      else if (segment.bits > 0 && random() % 4 == 0)
        segment.group = blockColumns;
      segment.columns =
          panel.segments.size() + 1 == pieces
              ? left
              : std::min<int64_t>(left, 8 * (1 + random() % (left / 8)));
      left -= segment.columns;
      panel.segments.push_back(segment);
    }
  }
  return layout;
}

/// A valid matrix of the layout with random codes, scales and order.
inline QuantizedMatrix randomMatrix(const MatrixLayout &layout,
                                    unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> scale(0.25f, 2.0f);
  std::normal_distribution<float> normal;
  QuantizedMatrix matrix;
  matrix.layout = layout;
  matrix.order.resize(layout.columns);
  std::iota(matrix.order.begin(), matrix.order.end(), 0u);
  std::shuffle(matrix.order.begin(), matrix.order.end(), random);
  for (int64_t j = 0; j < layout.columns; ++j)
    matrix.columnScales.push_back(floatToHalf(scale(random)));
  for (const Panel &panel : layout.panels) {
    QuantizedPanel &values = matrix.panels.emplace_back();
    for (const Segment &segment : panel.segments) {
      // Weights of all widths are about as large.
      const bool hasLevels = segment.bits >= 1 && segment.bits <= 8;
      const float top = hasLevels ? float(topLevel(segment.bits)) : 1.0f;
      values.segmentScales.push_back(scale(random) * 3 / top);
    }
    for (int64_t i = 0; i < panel.rows; ++i) {
      values.rowScales.push_back(floatToHalf(scale(random)));
      for (const Segment &segment : panel.segments)
        for (int64_t g = 0; g < segmentGroups(segment); ++g) {
          values.groupScales.push_back(floatToHalf(scale(random)));
          values.zeros.push_back(random() % (1u << segment.bits));
        }
      for (const Segment &segment : panel.segments)
        for (int64_t j = 0; j < segment.columns; ++j)
          values.codes.push_back(segment.bits == 16
                                     ? floatToHalf(normal(random))
                                     : random() % (1u << segment.bits));
    }
  }
  return matrix;
}

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_PACKING_RANDOMMATRIX_H
