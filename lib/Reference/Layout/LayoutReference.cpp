//===- LayoutReference.cpp - what a packed matrix computes ----------------===//

#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Reference/Layout.h"
#include "picollm/Support/Half.h"
#include <algorithm>
#include <cmath>

using namespace picollm;
using namespace picollm::reference;

/// Nearest integer, ties to even, within +-limit. |value| stays below 2^22.
static int8_t roundToCode(float value, float limit) {
  float rounded = (value + 12582912.0f) - 12582912.0f;
  return static_cast<int8_t>(std::clamp(rounded, -limit, limit));
}

static float inverseScale(float largest, float limit) {
  return largest > 0.0f ? limit / largest : 0.0f;
}

static float largestMagnitude(const float *x, int64_t count) {
  float largest = 0.0f;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

static void encodeCodes(const float *x, float segmentScale,
                        EncodedBlock &block) {
  float largest = largestMagnitude(x, block.columns);
  float inverse = inverseScale(largest, largestCode);
  for (int64_t j = 0; j < block.columns; ++j) {
    block.codes.push_back(roundToCode(x[j] * inverse, largestCode));
    block.sum += block.codes.back();
  }
  block.scale = (largest / largestCode) * segmentScale;
}

static void encodeTables(const float *x, float segmentScale,
                         EncodedBlock &block) {
  float largest = 0.0f;
  for (const float *g = x; g != x + block.columns; g += 4)
    largest = std::max(largest, (std::fabs(g[0]) + std::fabs(g[1])) +
                                    (std::fabs(g[2]) + std::fabs(g[3])));
  float inverse = inverseScale(largest, largestCode);
  for (const float *g = x; g != x + block.columns; g += 4) {
    std::array<int8_t, 16> &table = block.tables.emplace_back();
    for (int index = 0; index < 16; ++index) {
      auto term = [&](int k) { return index >> k & 1 ? g[k] : -g[k]; };
      float sum = (term(0) + term(1)) + (term(2) + term(3));
      table[index] = roundToCode(sum * inverse, largestCode);
    }
    block.sum += table[15];
  }
  block.scale = (largest / largestCode) * segmentScale;
}

void reference::roundToCacheCodes(float *x, int64_t count) {
  float largest = largestMagnitude(x, count);
  float inverse = inverseScale(largest, largestCode);
  float scale = largest / largestCode;
  for (int64_t i = 0; i < count; ++i)
    x[i] = scale * roundToCode(x[i] * inverse, largestCode);
}

EncodedActivation reference::encodeActivation(const QuantizedMatrix &matrix,
                                              size_t panel, const float *x,
                                              Rows rows) {
  std::vector<float> scaled(matrix.layout.columns);
  for (size_t j = 0; j < scaled.size(); ++j)
    scaled[j] = x[matrix.order[j]] * halfToFloat(matrix.columnScales[j]);
  EncodedActivation activation;
  int64_t begin = 0, group = 0;
  for (const Segment &segment : matrix.layout.panels[panel].segments) {
    float segmentScale = matrix.panels[panel].segmentScales[activation.size()];
    EncodedSegment &encoded = activation.emplace_back();
    encoded.segment = segment;
    encoded.begin = begin;
    int64_t end = begin + segment.columns;
    ActivationEncoding encoding = encodingOfWidth(segment.bits, rows);
    if (encoding == ActivationEncoding::F32)
      for (int64_t j = begin; j < end; ++j)
        encoded.values.push_back(scaled[j] * segmentScale);
    bool blocked = encoding == ActivationEncoding::CodesI8 ||
                   encoding == ActivationEncoding::Table4I8;
    for (int64_t j = begin; blocked && j < end; j += blockColumns) {
      EncodedBlock &block = encoded.blocks.emplace_back();
      block.bits = segment.bits;
      block.begin = j;
      block.columns = std::min(blockColumns, end - j);
      if (segment.group)
        block.group = group++;
      if (encoding == ActivationEncoding::CodesI8)
        encodeCodes(&scaled[j], segmentScale, block);
      else
        encodeTables(&scaled[j], segmentScale, block);
    }
    begin = end;
  }
  return activation;
}

/// `codes`: those of row `row` of a tile, from the block's first column on;
/// codes[-stride], .. are those of the rows above.
static int32_t blockSum(const EncodedBlock &block, const uint16_t *codes,
                        int64_t stride, int64_t row) {
  const bool hasGroups = block.group >= 0;
  int32_t sum = 0;
  if (block.tables.empty()) {
    for (int64_t j = 0; j < block.columns; ++j)
      sum += levelOf(block.bits, codes + j, stride, row, hasGroups) *
             block.codes[j];
    return sum;
  }
  const int64_t depth = std::min(row, filterDepth(block.bits, hasGroups));
  for (int64_t group = 0, end = block.tables.size(); group < end; ++group)
    for (int64_t p = 0; p < block.bits; ++p)
      for (int64_t above = 0; above <= depth; ++above) {
        int index = 0;
        for (int k = 0; k < 4; ++k)
          index |= (codes[4 * group + k - above * stride] >> p & 1) << k;
        sum += planeWeight(block.bits, p, above, hasGroups) *
               block.tables[group][index];
      }
  return sum;
}

std::vector<int32_t> reference::blockSums(const QuantizedMatrix &matrix,
                                          size_t panel,
                                          const EncodedActivation &activation,
                                          int64_t row) {
  const QuantizedPanel &values = matrix.panels[panel];
  const uint16_t *codes = values.codes.data() + row * matrix.layout.columns;
  const int64_t groups = panelGroups(matrix.layout.panels[panel]);
  std::vector<int32_t> sums;
  for (const EncodedSegment &segment : activation)
    for (const EncodedBlock &block : segment.blocks) {
      sums.push_back(blockSum(block, codes + block.begin, matrix.layout.columns,
                              row % tileRows));
      // From the levels 2 q - (2^b - 1) to 2 q - 2 z.
      if (block.group >= 0)
        sums.back() += ((1 << block.bits) - 1 -
                        2 * values.zeros[row * groups + block.group]) *
                       block.sum;
    }
  return sums;
}

void reference::linear(const QuantizedMatrix &matrix, size_t panel,
                       const float *x, Rows rows, float *y) {
  EncodedActivation activation = encodeActivation(matrix, panel, x, rows);
  const QuantizedPanel &values = matrix.panels[panel];
  const int64_t groups = panelGroups(matrix.layout.panels[panel]);
  for (int64_t i = 0; i < matrix.layout.panels[panel].rows; ++i) {
    std::vector<int32_t> sums = blockSums(matrix, panel, activation, i);
    const uint16_t *codes = values.codes.data() + i * matrix.layout.columns;
    const int32_t *sum = sums.data();
    const uint16_t *groupScales = values.groupScales.data() + i * groups;
    float accumulator = 0.0f;
    for (const EncodedSegment &segment : activation) {
      for (const EncodedBlock &block : segment.blocks) {
        float scale = block.scale;
        if (block.group >= 0)
          scale *= halfToFloat(groupScales[block.group]);
        accumulator += static_cast<float>(*sum++) * scale;
      }
      for (size_t j = 0; j < segment.values.size(); ++j)
        accumulator +=
            halfToFloat(codes[segment.begin + j]) * segment.values[j];
    }
    y[i] = accumulator * halfToFloat(values.rowScales[i]);
  }
}
