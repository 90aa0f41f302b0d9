//===- PackedLinear.cpp - mixed-bit products of many tokens ---------------===//

#include "picollm/Reference/PackedLinear.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <array>
#include <cassert>

using namespace picollm;
using namespace picollm::reference;

/// Whole tiles of the layout.
static constexpr int64_t rowTile = 6 * tileRows;
// A group of 4 columns has a table of 16 entries.
static constexpr int64_t groupColumns = 4, tableEntries = 16;

EncodedRows picollm::encodeRows(const QuantizedMatrix &matrix, const Matrix &x,
                                llvm::ArrayRef<int64_t> counts) {
  std::vector<Rows> rows;
  for (int64_t count : counts)
    rows.insert(rows.end(), count, toRows(count));
  assert(int64_t(rows.size()) == x.rows && "every row is of a sequence");
  EncodedRows encoded(matrix.layout.panels.size());
  for (size_t panel = 0; panel < encoded.size(); ++panel) {
    encoded[panel].resize(x.rows);
    parallelFor(x.rows, [&](int64_t t) {
      encoded[panel][t] = encodeActivation(matrix, panel, x.row(t), rows[t]);
    });
  }
  return encoded;
}

namespace {
/// A tile of rows of one panel against tokens that are encoded alike.
class RowTile {
public:
  RowTile(const QuantizedMatrix &matrix, size_t panel, int64_t first,
          llvm::ArrayRef<EncodedActivation> tokens)
      : columns(matrix.layout.columns), first(first),
        rows(std::min(rowTile, matrix.layout.panels[panel].rows - first)),
        groups(panelGroups(matrix.layout.panels[panel])),
        values(matrix.panels[panel]),
        codes(values.codes.data() + first * columns), tokens(tokens),
        sums(tokens.size() * rows), acc(tokens.size(), rows) {}

  void addBlock(size_t segment, size_t block);
  void addHalves(size_t segment);
  /// The panel's rows are the columns of y from `begin` on, the tokens its rows
  /// from `token` on.
  void writeTo(Matrix &y, int64_t token, int64_t begin) const;

private:
  void fillCodes(const EncodedBlock &block);
  void fillTables(const EncodedBlock &block);
  void addSums(size_t segment, size_t block);
  void addGroupSums(size_t segment, size_t block);

  int64_t columns, first, rows, groups;
  const QuantizedPanel &values;
  const uint16_t *codes; ///< of the first row
  llvm::ArrayRef<EncodedActivation> tokens;
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
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < width; ++j)
      weights[i * width + j] =
          float(levelOf(block.bits, codes + i * columns + block.begin + j,
                        columns, i % tileRows, hasGroups));
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
  const bool isTable = !shape.tables.empty();
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

void RowTile::writeTo(Matrix &y, int64_t token, int64_t begin) const {
  for (size_t t = 0; t < tokens.size(); ++t)
    for (int64_t i = 0; i < rows; ++i)
      y.row(token + t)[begin + first + i] =
          acc.row(t)[i] * halfToFloat(values.rowScales[first + i]);
}

/// Whether two tokens' blocks have operands of the same form.
static bool areAlike(const EncodedActivation &a, const EncodedActivation &b) {
  for (auto [first, second] : llvm::zip_equal(a, b))
    for (auto [one, other] : llvm::zip_equal(first.blocks, second.blocks))
      if (one.tables.empty() != other.tables.empty())
        return false;
  return true;
}

/// Rows of one panel for tokens that are encoded alike, to the columns of y
/// from `begin` on and its rows from `token` on.
static void multiplyPanel(const QuantizedMatrix &matrix, size_t panel,
                          llvm::ArrayRef<EncodedActivation> tokens,
                          int64_t token, int64_t begin, Matrix &y) {
  int64_t rows = matrix.layout.panels[panel].rows;
  parallelForTiles(rows, rowTile, [&](int64_t first, int64_t) {
    RowTile tile(matrix, panel, first, tokens);
    for (size_t segment = 0; segment < tokens[0].size(); ++segment) {
      for (size_t b = 0; b < tokens[0][segment].blocks.size(); ++b)
        tile.addBlock(segment, b);
      tile.addHalves(segment);
    }
    tile.writeTo(y, token, begin);
  });
}

Matrix picollm::packedLinear(const QuantizedMatrix &matrix, PanelRange panels,
                             const EncodedRows &x) {
  Matrix y(x[panels.begin].size(), panels.rows(matrix.layout));
  if (y.rows == 0)
    return y;
  int64_t begin = 0;
  for (size_t panel = panels.begin; panel < panels.end; ++panel) {
    for (llvm::ArrayRef<EncodedActivation> left = x[panel]; !left.empty();) {
      size_t count = 1;
      while (count < left.size() && areAlike(left[0], left[count]))
        ++count;
      multiplyPanel(matrix, panel, left.take_front(count),
                    y.rows - int64_t(left.size()), begin, y);
      left = left.drop_front(count);
    }
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
