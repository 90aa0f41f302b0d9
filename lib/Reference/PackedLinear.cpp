//===- PackedLinear.cpp - mixed-bit products of many tokens ---------------===//

#include "picollm/Reference/PackedLinear.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <array>

using namespace picollm;
using namespace picollm::reference;

/// Whole tiles of the layout.
static constexpr int64_t rowTile = 6 * tileRows;
// A group of 4 columns has a table of 16 entries.
static constexpr int64_t groupColumns = 4, tableEntries = 16;

EncodedRows picollm::encodeRows(const QuantizedMatrix &matrix,
                                const Matrix &x) {
  EncodedRows encoded(matrix.layout.panels.size());
  for (size_t panel = 0; panel < encoded.size(); ++panel) {
    encoded[panel].resize(x.rows);
    parallelFor(x.rows, [&](int64_t t) {
      encoded[panel][t] = encodeActivation(matrix, panel, x.row(t));
    });
  }
  return encoded;
}

namespace {
/// A tile of rows of one panel against all tokens.
class RowTile {
public:
  RowTile(const QuantizedMatrix &matrix, size_t panel, int64_t first,
          const std::vector<EncodedActivation> &tokens)
      : columns(matrix.layout.columns), first(first),
        rows(std::min(rowTile, matrix.layout.panels[panel].rows - first)),
        groups(panelGroups(matrix.layout.panels[panel])),
        values(matrix.panels[panel]),
        codes(values.codes.data() + first * columns), tokens(tokens),
        sums(tokens.size() * rows), acc(tokens.size(), rows) {}

  void addBlock(size_t segment, size_t block);
  void addHalves(size_t segment);
  /// The panel's rows are the columns of y from `begin` on.
  void writeTo(Matrix &y, int64_t begin) const;

private:
  void fillCodes(const EncodedBlock &block);
  void fillTables(const EncodedBlock &block);
  void addSums(size_t segment, size_t block);
  void addGroupSums(size_t segment, size_t block);

  int64_t columns, first, rows, groups;
  const QuantizedPanel &values;
  const uint16_t *codes; ///< of the first row
  const std::vector<EncodedActivation> &tokens;
  int64_t width = 0;          ///< of the operands of a block's product
  std::vector<float> weights; ///< rows x width
  std::vector<float> inputs;  ///< tokens x width
  std::vector<float> sums;    ///< tokens x rows
  Matrix acc;                 ///< tokens x rows
};
} // namespace

/// sum_j level_j code_j.
void RowTile::fillCodes(const EncodedBlock &block) {
  width = block.columns;
  weights.resize(rows * width);
  const bool hasGroups = block.group >= 0;
  std::array<float, 256> levels;
  for (int32_t code = 0; code < 1 << block.bits; ++code)
    levels[code] = float(levelPart(block.bits, code, 0, hasGroups));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < width; ++j)
      weights[i * width + j] = levels[codes[i * columns + block.begin + j]];
}

/// sum_groups sum_p a_pk entry[bits of plane p of the row k above]: as a
/// product, the weight of an entry is the sum of the weights a_pk of the planes
/// that select it.
void RowTile::fillTables(const EncodedBlock &block) {
  int64_t groups = block.columns / groupColumns;
  width = groups * tableEntries;
  weights.assign(rows * width, 0.0f);
  const bool hasGroups = block.group >= 0;
  const int64_t depth = filterDepth(block.bits, hasGroups);
  for (int64_t i = 0; i < rows; ++i) {
    const uint16_t *row = codes + i * columns + block.begin;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t p = 0; p < block.bits; ++p) {
        int entry = 0;
        for (int64_t k = 0; k < groupColumns; ++k)
          entry |= (row[g * groupColumns + k] >> p & 1) << k;
        // Rows below in the tile see it too.
        const int64_t end = std::min(i + depth, i | (tileRows - 1)) + 1;
        for (int64_t seer = i; seer < std::min(rows, end); ++seer)
          weights[seer * width + g * tableEntries + entry] +=
              planeWeight(block.bits, p, seer - i, hasGroups);
      }
  }
}

void RowTile::addBlock(size_t segment, size_t index) {
  const EncodedBlock &shape = tokens[0][segment].blocks[index];
  bool isTable = encodingOfWidth(shape.bits) == ActivationEncoding::Table4I8;
  isTable ? fillTables(shape) : fillCodes(shape);
  inputs.resize(tokens.size() * width);
  for (size_t t = 0; t < tokens.size(); ++t) {
    const EncodedBlock &block = tokens[t][segment].blocks[index];
    float *out = inputs.data() + t * width;
    if (isTable)
      for (const std::array<int8_t, tableEntries> &table : block.tables)
        out = std::copy(table.begin(), table.end(), out);
    else
      std::copy(block.codes.begin(), block.codes.end(), out);
  }
  multiply(tokens.size(), rows, width, 1, {inputs.data(), width},
           {weights.data(), width, /*transposed=*/true}, 0, sums.data(), rows);
  shape.group < 0 ? addSums(segment, index) : addGroupSums(segment, index);
}

void RowTile::addSums(size_t segment, size_t index) {
  for (size_t t = 0; t < tokens.size(); ++t) {
    float scale = tokens[t][segment].blocks[index].scale;
    for (int64_t i = 0; i < rows; ++i)
      acc.row(t)[i] += sums[t * rows + i] * scale;
  }
}

/// From the levels 2 q - (2^b - 1) to 2 q - 2 z, exact in floats too, then by
/// the scale of the row's group.
void RowTile::addGroupSums(size_t segment, size_t index) {
  const EncodedBlock &shape = tokens[0][segment].blocks[index];
  std::vector<float> scales(rows), offsets(rows);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t group = (first + i) * groups + shape.group;
    scales[i] = halfToFloat(values.groupScales[group]);
    offsets[i] = (1 << shape.bits) - 1 - 2 * values.zeros[group];
  }
  for (size_t t = 0; t < tokens.size(); ++t) {
    const EncodedBlock &block = tokens[t][segment].blocks[index];
    const float sum = block.sum;
    for (int64_t i = 0; i < rows; ++i)
      acc.row(t)[i] +=
          (sums[t * rows + i] + offsets[i] * sum) * (block.scale * scales[i]);
  }
}

void RowTile::addHalves(size_t segment) {
  const EncodedSegment &shape = tokens[0][segment];
  std::vector<float> column(rows);
  for (size_t j = 0; j < shape.values.size(); ++j) {
    for (int64_t i = 0; i < rows; ++i)
      column[i] = halfToFloat(codes[i * columns + shape.begin + j]);
    for (size_t t = 0; t < tokens.size(); ++t) {
      float x = tokens[t][segment].values[j];
      float *sum = acc.row(t);
      for (int64_t i = 0; i < rows; ++i)
        sum[i] += column[i] * x;
    }
  }
}

void RowTile::writeTo(Matrix &y, int64_t begin) const {
  for (size_t t = 0; t < tokens.size(); ++t)
    for (int64_t i = 0; i < rows; ++i)
      y.row(t)[begin + first + i] =
          acc.row(t)[i] * halfToFloat(values.rowScales[first + i]);
}

/// Rows of one panel, to the columns of y from `begin` on.
static void multiplyPanel(const QuantizedMatrix &matrix, size_t panel,
                          const std::vector<EncodedActivation> &tokens,
                          int64_t begin, Matrix &y) {
  int64_t rows = matrix.layout.panels[panel].rows;
  parallelFor((rows + rowTile - 1) / rowTile, [&](int64_t i) {
    RowTile tile(matrix, panel, i * rowTile, tokens);
    for (size_t segment = 0; segment < tokens[0].size(); ++segment) {
      for (size_t b = 0; b < tokens[0][segment].blocks.size(); ++b)
        tile.addBlock(segment, b);
      tile.addHalves(segment);
    }
    tile.writeTo(y, begin);
  });
}

Matrix picollm::packedLinear(const QuantizedMatrix &matrix, PanelRange panels,
                             const EncodedRows &x) {
  Matrix y(x[panels.begin].size(), panels.rows(matrix.layout));
  if (y.rows == 0)
    return y;
  int64_t begin = 0;
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    multiplyPanel(matrix, panel, x[panel], begin, y);
    begin += matrix.layout.panels[panel].rows;
  }
  return y;
}

Matrix picollm::packedEmbedding(const QuantizedMatrix &matrix,
                                const std::vector<int32_t> &tokens) {
  Matrix result(tokens.size(), matrix.layout.columns);
  for (size_t t = 0; t < tokens.size(); ++t) {
    size_t panel = 0;
    int64_t row = tokens[t];
    while (row >= matrix.layout.panels[panel].rows)
      row -= matrix.layout.panels[panel++].rows;
    dequantizeRow(matrix, panel, row, result.row(t));
  }
  return result;
}
