//===- PackMatrix.cpp - codes to the bytes of the kernels -----------------===//

#include "picollm/Packing/PackMatrix.h"
#include "picollm/Support/Parallel.h"
#include "llvm/Support/Endian.h"
#include <algorithm>

using namespace picollm;
using namespace llvm::support;

namespace {

/// Where the bits of the code of (row, column) lie in a step of fields.
struct FieldPlace {
  FieldPlace(int64_t row, int64_t column)
      : half(column / 4), group(row / 8), byte(4 * (row % 8) + column % 4) {}
  int64_t nibbleByte() const { return 32 * (2 * half + group % 2) + byte; }
  int64_t nibbleShift() const { return 4 * (group / 2); }
  int64_t pairByte() const { return 128 + 32 * half + byte; }
  int64_t pairShift() const { return 2 * group; }
  int64_t topByte(int64_t bits) const { return 32 * (bits - 1) + byte; }
  int64_t topShift() const { return 4 * half + group; }
  int64_t fullByte() const { return 32 * (4 * half + group) + byte; }

  int64_t half, group, byte;
};

} // namespace

/// Adds one code to a step whose bytes start as zeros.
static void packCode(uint8_t *step, int64_t bits, int64_t row, int64_t column,
                     unsigned code) {
  if (bits <= maxPlaneBits) {
    for (int64_t p = 0; p < bits; ++p)
      step[32 * p + row] |= (code >> p & 1) << column;
    return;
  }
  if (bits == 16) {
    endian::write16le(step + 2 * (32 * column + row), code);
    return;
  }
  FieldPlace place(row, column);
  if (bits == 8) {
    step[place.fullByte()] = code;
    return;
  }
  step[place.nibbleByte()] |= (code & 15) << place.nibbleShift();
  if (bits >= 6)
    step[place.pairByte()] |= (code >> 4 & 3) << place.pairShift();
  if (bits % 2)
    step[place.topByte(bits)] |= (code >> (bits - 1) & 1) << place.topShift();
}

static unsigned unpackCode(const uint8_t *step, int64_t bits, int64_t row,
                           int64_t column) {
  unsigned code = 0;
  if (bits <= maxPlaneBits) {
    for (int64_t p = 0; p < bits; ++p)
      code |= (step[32 * p + row] >> column & 1u) << p;
    return code;
  }
  if (bits == 16)
    return endian::read16le(step + 2 * (32 * column + row));
  FieldPlace place(row, column);
  if (bits == 8)
    return step[place.fullByte()];
  code = step[place.nibbleByte()] >> place.nibbleShift() & 15u;
  if (bits >= 6)
    code |= (step[place.pairByte()] >> place.pairShift() & 3u) << 4;
  if (bits % 2)
    code |= (step[place.topByte(bits)] >> place.topShift() & 1u) << (bits - 1);
  return code;
}

/// Calls visit(step's offset in the tile, bits, stored column) for each code
/// column of a tile.
template <typename Visitor>
static void forEachTileColumn(const Panel &panel, Visitor visit) {
  int64_t offset = 0, column = 0;
  for (const Segment &segment : panel.segments) {
    for (int64_t c = 0; c < segment.columns; ++c)
      visit(offset + c / stepColumns * stepBytes(segment.bits), segment.bits,
            column + c);
    offset += segmentTileBytes(segment);
    column += segment.columns;
  }
}

namespace {

/// Where the scale and the zero of a row's group lie in a tile.
struct GroupPlace {
  int64_t scale, zero, zeroShift, zeroMask;
};

} // namespace

/// Calls visit(place, row of the tile, group of the panel) for each group of
/// `rows` rows of a tile.
template <typename Visitor>
static void forEachTileGroup(const Panel &panel, int64_t rows, Visitor visit) {
  int64_t offset = 0, group = 0;
  for (const Segment &segment : panel.segments) {
    const int64_t scales = offset + groupScalesOffset(segment);
    const int64_t zeros = offset + groupZerosOffset(segment);
    const bool nibbles = zeroBits(segment.bits) == 4;
    for (int64_t g = 0; g < segmentGroups(segment); ++g, ++group)
      for (int64_t r = 0; r < rows; ++r)
        visit(GroupPlace{scales + g * groupScaleBytes + 2 * r,
                         zeros + g * groupZeroBytes(segment.bits) +
                             (nibbles ? r % 16 : r),
                         nibbles ? r / 16 * 4 : 0, nibbles ? 15 : 255},
              r, group);
    offset += segmentTileBytes(segment);
  }
}

static llvm::Error checkSize(const MatrixLayout &layout, size_t bytes) {
  if (bytes == static_cast<size_t>(matrixBytes(layout)))
    return llvm::Error::success();
  return llvm::createStringError(
      "packed matrix has %zu bytes, its layout takes %lld", bytes,
      static_cast<long long>(matrixBytes(layout)));
}

llvm::Error picollm::packMatrix(const QuantizedMatrix &matrix,
                                llvm::MutableArrayRef<uint8_t> bytes) {
  if (llvm::Error error = checkQuantizedMatrix(matrix))
    return error;
  const MatrixLayout &layout = matrix.layout;
  if (llvm::Error error = checkSize(layout, bytes.size()))
    return error;
  std::fill(bytes.begin(), bytes.end(), 0);
  bool wide = orderEntryBytes(layout.columns) == 4;
  uint8_t *scales = bytes.data() + columnScalesOffset(layout);
  for (int64_t j = 0; j < layout.columns; ++j) {
    if (wide)
      endian::write32le(bytes.data() + 4 * j, matrix.order[j]);
    else
      endian::write16le(bytes.data() + 2 * j, matrix.order[j]);
    endian::write16le(scales + 2 * j, matrix.columnScales[j]);
  }
  for (size_t p = 0; p < layout.panels.size(); ++p) {
    const Panel &panel = layout.panels[p];
    const QuantizedPanel &values = matrix.panels[p];
    PanelOffsets offsets = panelOffsets(layout, p);
    for (size_t s = 0; s < panel.segments.size(); ++s)
      endian::write<float>(bytes.data() + offsets.segmentScales + 4 * s,
                           values.segmentScales[s], llvm::endianness::little);
    for (int64_t i = 0; i < panel.rows; ++i)
      endian::write16le(bytes.data() + offsets.rowScales + 2 * i,
                        values.rowScales[i]);
    int64_t tile = tileBytes(panel), groups = panelGroups(panel);
    parallelFor(storedRows(panel.rows) / tileRows, [&](int64_t t) {
      uint8_t *out = bytes.data() + offsets.tiles + t * tile;
      int64_t begin = t * tileRows;
      int64_t rows = std::min(tileRows, panel.rows - begin);
      const uint16_t *codes = values.codes.data() + begin * layout.columns;
      forEachTileColumn(panel, [&](int64_t step, int64_t bits, int64_t j) {
        for (int64_t r = 0; r < rows && bits; ++r)
          packCode(out + step, bits, r, j % stepColumns,
                   codes[r * layout.columns + j]);
      });
      forEachTileGroup(
          panel, rows, [&](const GroupPlace &at, int64_t r, int64_t group) {
            const int64_t from = (begin + r) * groups + group;
            endian::write16le(out + at.scale, values.groupScales[from]);
            out[at.zero] |= values.zeros[from] << at.zeroShift;
          });
    });
  }
  return llvm::Error::success();
}

llvm::Expected<QuantizedMatrix>
picollm::unpackMatrix(const MatrixLayout &layout,
                      llvm::ArrayRef<uint8_t> bytes) {
  if (llvm::Error error = checkLayout(layout))
    return error;
  if (llvm::Error error = checkSize(layout, bytes.size()))
    return error;
  QuantizedMatrix matrix;
  matrix.layout = layout;
  matrix.order.resize(layout.columns);
  matrix.columnScales.resize(layout.columns);
  bool wide = orderEntryBytes(layout.columns) == 4;
  const uint8_t *scales = bytes.data() + columnScalesOffset(layout);
  for (int64_t j = 0; j < layout.columns; ++j) {
    matrix.order[j] = wide ? endian::read32le(bytes.data() + 4 * j)
                           : endian::read16le(bytes.data() + 2 * j);
    matrix.columnScales[j] = endian::read16le(scales + 2 * j);
  }
  for (size_t p = 0; p < layout.panels.size(); ++p) {
    const Panel &panel = layout.panels[p];
    QuantizedPanel &values = matrix.panels.emplace_back();
    PanelOffsets offsets = panelOffsets(layout, p);
    for (size_t s = 0; s < panel.segments.size(); ++s)
      values.segmentScales.push_back(
          endian::read<float>(bytes.data() + offsets.segmentScales + 4 * s,
                              llvm::endianness::little));
    for (int64_t i = 0; i < panel.rows; ++i)
      values.rowScales.push_back(
          endian::read16le(bytes.data() + offsets.rowScales + 2 * i));
    values.codes.resize(panel.rows * layout.columns);
    int64_t tile = tileBytes(panel), groups = panelGroups(panel);
    values.groupScales.resize(panel.rows * groups);
    values.zeros.resize(panel.rows * groups);
    parallelFor(storedRows(panel.rows) / tileRows, [&](int64_t t) {
      const uint8_t *in = bytes.data() + offsets.tiles + t * tile;
      int64_t begin = t * tileRows;
      int64_t rows = std::min(tileRows, panel.rows - begin);
      uint16_t *codes = values.codes.data() + begin * layout.columns;
      forEachTileColumn(panel, [&](int64_t step, int64_t bits, int64_t j) {
        for (int64_t r = 0; r < rows && bits; ++r)
          codes[r * layout.columns + j] =
              unpackCode(in + step, bits, r, j % stepColumns);
      });
      forEachTileGroup(
          panel, rows, [&](const GroupPlace &at, int64_t r, int64_t group) {
            const int64_t to = (begin + r) * groups + group;
            values.groupScales[to] = endian::read16le(in + at.scale);
            values.zeros[to] = in[at.zero] >> at.zeroShift & at.zeroMask;
          });
    });
  }
  if (llvm::Error error = checkQuantizedMatrix(matrix))
    return error;
  return matrix;
}
