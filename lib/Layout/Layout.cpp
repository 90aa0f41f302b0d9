//===- Layout.cpp - sizes and offsets of the column-bit layout ------------===//

#include "picollm/Layout/Layout.h"
#include "llvm/Support/MathExtras.h"

using namespace picollm;

static int64_t alignPart(int64_t bytes) {
  return llvm::alignTo(bytes, partAlignment);
}

int64_t MatrixLayout::rows() const {
  int64_t sum = 0;
  for (const Panel &panel : panels)
    sum += panel.rows;
  return sum;
}

std::vector<int64_t> MatrixLayout::panelRows() const {
  std::vector<int64_t> counts;
  for (const Panel &panel : panels)
    counts.push_back(panel.rows);
  return counts;
}

int64_t PanelRange::rows(const MatrixLayout &layout) const {
  int64_t sum = 0;
  for (size_t panel = begin; panel < end; ++panel)
    sum += layout.panels[panel].rows;
  return sum;
}

bool picollm::isValidWidth(int64_t bits) {
  return (bits >= 0 && bits <= 8) || bits == 16;
}

ActivationEncoding picollm::encodingOfWidth(int64_t bits, Rows rows) {
  if (bits == 0)
    return ActivationEncoding::None;
  if (bits <= maxPlaneBits && rows == Rows::Few)
    return ActivationEncoding::Table4I8;
  return bits <= 8 ? ActivationEncoding::CodesI8 : ActivationEncoding::F32;
}

int64_t picollm::storedRows(int64_t rows) {
  return llvm::alignTo(rows, tileRows);
}

int64_t picollm::segmentGroups(const Segment &segment) {
  return segment.group ? llvm::divideCeil(segment.columns, segment.group) : 0;
}

int64_t picollm::panelGroups(const Panel &panel) {
  int64_t sum = 0;
  for (const Segment &segment : panel.segments)
    sum += segmentGroups(segment);
  return sum;
}

int64_t picollm::groupScalesOffset(const Segment &segment) {
  return segment.columns / stepColumns * stepBytes(segment.bits);
}

int64_t picollm::groupZerosOffset(const Segment &segment) {
  return groupScalesOffset(segment) + segmentGroups(segment) * groupScaleBytes;
}

int64_t picollm::segmentTileBytes(const Segment &segment) {
  return llvm::alignTo(groupZerosOffset(segment) +
                           segmentGroups(segment) *
                               groupZeroBytes(segment.bits),
                       tileAlignment);
}

int64_t picollm::tileBytes(const Panel &panel) {
  int64_t sum = 0;
  for (const Segment &segment : panel.segments)
    sum += segmentTileBytes(segment);
  return sum;
}

int64_t picollm::orderEntryBytes(int64_t columns) {
  return columns > 65536 ? 4 : 2;
}

int64_t picollm::columnScalesOffset(const MatrixLayout &layout) {
  return alignPart(layout.columns * orderEntryBytes(layout.columns));
}

static int64_t panelBytes(const Panel &panel) {
  return alignPart(4 * static_cast<int64_t>(panel.segments.size())) +
         alignPart(2 * storedRows(panel.rows)) +
         alignPart(storedRows(panel.rows) / tileRows * tileBytes(panel));
}

static int64_t panelsOffset(const MatrixLayout &layout) {
  return columnScalesOffset(layout) + alignPart(2 * layout.columns);
}

PanelOffsets picollm::panelOffsets(const MatrixLayout &layout, size_t panel) {
  int64_t start = panelsOffset(layout);
  for (size_t i = 0; i < panel; ++i)
    start += panelBytes(layout.panels[i]);
  const Panel &p = layout.panels[panel];
  PanelOffsets offsets;
  offsets.segmentScales = start;
  offsets.rowScales =
      start + alignPart(4 * static_cast<int64_t>(p.segments.size()));
  offsets.tiles = offsets.rowScales + alignPart(2 * storedRows(p.rows));
  return offsets;
}

int64_t picollm::matrixBytes(const MatrixLayout &layout) {
  int64_t sum = panelsOffset(layout);
  for (const Panel &panel : layout.panels)
    sum += panelBytes(panel);
  return sum;
}

llvm::Error picollm::checkLayout(const MatrixLayout &layout) {
  auto error = [](const llvm::Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   message.str().c_str());
  };
  if (layout.columns <= 0)
    return error("matrix layout has no columns");
  if (layout.columns > maxColumns)
    return error("matrix layout has " + llvm::Twine(layout.columns) +
                 " columns, expected at most " + llvm::Twine(maxColumns));
  if (layout.panels.empty())
    return error("matrix layout has no panels");
  int64_t rows = 0;
  for (const Panel &panel : layout.panels) {
    if (panel.rows <= 0)
      return error("panel has no rows");
    if (panel.rows > maxRows - rows)
      return error("matrix layout has more than " + llvm::Twine(maxRows) +
                   " rows");
    rows += panel.rows;
    int64_t columns = 0;
    for (const Segment &segment : panel.segments) {
      if (!isValidWidth(segment.bits))
        return error("segment has a width of " + llvm::Twine(segment.bits) +
                     " bits, expected 0..8 or 16");
      if (segment.columns <= 0 || segment.columns % stepColumns)
        return error("segment has " + llvm::Twine(segment.columns) +
                     " columns, expected a positive multiple of " +
                     llvm::Twine(stepColumns));
      if (segment.columns > maxColumns)
        return error("segment has " + llvm::Twine(segment.columns) +
                     " columns, expected at most " + llvm::Twine(maxColumns));
      if (segment.group != 0 && segment.group != blockColumns)
        return error("segment has groups of " + llvm::Twine(segment.group) +
                     " columns, expected " + llvm::Twine(blockColumns));
      if (segment.group != 0 && (segment.bits == 0 || segment.bits > 8))
        return error("segment of " + llvm::Twine(segment.bits) +
                     " bits has groups, which are for 1..8 bits");
      columns += segment.columns;
    }
    if (columns != layout.columns)
      return error("segments of a panel cover " + llvm::Twine(columns) +
                   " columns, the matrix has " + llvm::Twine(layout.columns));
  }
  return llvm::Error::success();
}
