//===- QuantizedMatrix.cpp - a matrix as codes and scales -----------------===//

#include "picollm/Quantization/QuantizedMatrix.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Support/Half.h"
#include "llvm/ADT/Twine.h"

using namespace picollm;

static llvm::Error invalid(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "quantized matrix " + message);
}

static llvm::Error checkSize(const char *part, size_t found, size_t expected) {
  if (found == expected)
    return llvm::Error::success();
  return invalid(llvm::Twine("has ") + llvm::Twine(found) + " " + part +
                 ", expected " + llvm::Twine(expected));
}

static llvm::Error checkOrder(const std::vector<uint32_t> &order) {
  std::vector<bool> seen(order.size());
  for (uint32_t column : order) {
    if (column >= order.size() || seen[column])
      return invalid(
          "has a column order that is no permutation: column " +
          llvm::Twine(column) +
          (column < order.size() ? " appears twice" : " does not exist"));
    seen[column] = true;
  }
  return llvm::Error::success();
}

static llvm::Error checkCodes(const Panel &panel, const QuantizedPanel &values,
                              int64_t columns) {
  for (int64_t i = 0; i < panel.rows; ++i) {
    const uint16_t *row = values.codes.data() + i * columns;
    for (const Segment &segment : panel.segments) {
      unsigned limit = 1u << segment.bits;
      for (int64_t j = 0; j < segment.columns; ++j)
        if (row[j] >= limit)
          return invalid("has code " + llvm::Twine(row[j]) + " in row " +
                         llvm::Twine(i) + " of a segment of " +
                         llvm::Twine(segment.bits) + " bits");
      row += segment.columns;
    }
  }
  return llvm::Error::success();
}

static llvm::Error checkZeros(const Panel &panel,
                              const QuantizedPanel &values) {
  const uint8_t *zero = values.zeros.data();
  for (int64_t i = 0; i < panel.rows; ++i)
    for (const Segment &segment : panel.segments)
      for (int64_t g = 0; g < segmentGroups(segment); ++g, ++zero)
        if (*zero >= 1u << segment.bits)
          return invalid("has zero " + llvm::Twine(unsigned(*zero)) +
                         " in row " + llvm::Twine(i) + " of a segment of " +
                         llvm::Twine(segment.bits) + " bits");
  return llvm::Error::success();
}

llvm::Error picollm::checkQuantizedMatrix(const QuantizedMatrix &matrix) {
  const MatrixLayout &layout = matrix.layout;
  if (llvm::Error error = checkLayout(layout))
    return error;
  if (llvm::Error error =
          checkSize("entries of order", matrix.order.size(), layout.columns))
    return error;
  if (llvm::Error error = checkSize("column scales", matrix.columnScales.size(),
                                    layout.columns))
    return error;
  if (llvm::Error error =
          checkSize("panels", matrix.panels.size(), layout.panels.size()))
    return error;
  if (llvm::Error error = checkOrder(matrix.order))
    return error;
  for (size_t p = 0; p < layout.panels.size(); ++p) {
    const Panel &panel = layout.panels[p];
    const QuantizedPanel &values = matrix.panels[p];
    if (llvm::Error error =
            checkSize("segment scales", values.segmentScales.size(),
                      panel.segments.size()))
      return error;
    if (llvm::Error error =
            checkSize("row scales", values.rowScales.size(), panel.rows))
      return error;
    const int64_t groups = panel.rows * panelGroups(panel);
    if (llvm::Error error =
            checkSize("group scales", values.groupScales.size(), groups))
      return error;
    if (llvm::Error error = checkSize("zeros", values.zeros.size(), groups))
      return error;
    if (llvm::Error error = checkZeros(panel, values))
      return error;
    if (llvm::Error error = checkSize("codes", values.codes.size(),
                                      panel.rows * layout.columns))
      return error;
    if (llvm::Error error = checkCodes(panel, values, layout.columns))
      return error;
  }
  return llvm::Error::success();
}

void picollm::dequantizeRow(const QuantizedMatrix &matrix, size_t panel,
                            int64_t row, float *out) {
  const MatrixLayout &layout = matrix.layout;
  const QuantizedPanel &values = matrix.panels[panel];
  const uint16_t *codes = values.codes.data() + row * layout.columns;
  float rowScale = halfToFloat(values.rowScales[row]);
  int64_t j = 0, group = row * panelGroups(layout.panels[panel]);
  for (size_t s = 0; s < layout.panels[panel].segments.size(); ++s) {
    const Segment &segment = layout.panels[panel].segments[s];
    float segmentScale = values.segmentScales[s];
    const int64_t begin = j, end = j + segment.columns;
    for (; j < end && segment.group; ++j) {
      const int64_t g = group + (j - begin) / segment.group;
      float scale = rowScale * halfToFloat(matrix.columnScales[j]);
      out[matrix.order[j]] =
          ((scale * segmentScale) * halfToFloat(values.groupScales[g])) *
          float(2 * (int(codes[j]) - int(values.zeros[g])));
    }
    group += segmentGroups(segment);
    for (; j < end; ++j) {
      float level = segment.bits == 0 ? 0.0f
                    : segment.bits == 16
                        ? halfToFloat(codes[j])
                        : float(levelOf(segment.bits, codes + j, layout.columns,
                                        row % tileRows, false));
      float scale = rowScale * halfToFloat(matrix.columnScales[j]);
      out[matrix.order[j]] = (scale * segmentScale) * level;
    }
  }
}
