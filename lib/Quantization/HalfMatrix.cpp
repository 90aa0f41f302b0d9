//===- HalfMatrix.cpp - matrices kept at 16 bits --------------------------===//

#include "StackRows.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Support/Half.h"

using namespace picollm;

llvm::Expected<QuantizedMatrix>
picollm::makeHalfMatrix(const WeightStack &stack) {
  llvm::Expected<StackRows> rows = StackRows::open(stack, 0);
  if (!rows)
    return rows.takeError();
  StackAllocation allocation = uniformAllocation(stack, 16);
  QuantizedMatrix matrix;
  matrix.layout = allocation.layout;
  matrix.order = allocation.order;
  uint16_t one = floatToHalf(1.0f);
  matrix.columnScales.assign(stack.columns, one);
  for (const StackPanel &panel : stack.panels) {
    QuantizedPanel &values = matrix.panels.emplace_back();
    values.segmentScales.push_back(1.0f);
    values.rowScales.assign(panel.rows, one);
    values.codes.resize(panel.rows * stack.columns);
  }
  std::vector<float> buffer;
  for (const RowChunk &chunk : rows->chunks()) {
    llvm::Expected<const float *> in = rows->read(chunk, buffer);
    if (!in)
      return in.takeError();
    uint16_t *codes =
        &matrix.panels[chunk.panel].codes[chunk.row * stack.columns];
    for (int64_t i = 0; i < chunk.count * stack.columns; ++i) {
      codes[i] = floatToHalf((*in)[i]);
      if ((codes[i] & 0x7fff) == 0x7c00)
        return llvm::createStringError(
            "%s: a weight of '%s' is beyond the range of 16 bits, 65504",
            stack.name.c_str(), stack.panels[chunk.panel].name.c_str());
    }
  }
  return matrix;
}
