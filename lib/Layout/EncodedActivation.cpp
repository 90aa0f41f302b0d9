//===- EncodedActivation.cpp - bytes of an encoded activation -------------===//

#include "picollm/Layout/EncodedActivation.h"

#include "llvm/Support/MathExtras.h"
#include <cassert>

using namespace picollm;

int64_t picollm::segmentBlocks(const Segment &segment) {
  return llvm::divideCeil(segment.columns, blockColumns);
}

static int64_t align(int64_t bytes) {
  return llvm::alignTo(bytes, partAlignment);
}

/// Offsets of a segment that starts at `begin`; moves `begin` to its end.
static EncodedSegmentOffsets place(const Segment &segment, int64_t &begin) {
  int64_t values = 0, scales = 0, sums = 0;
  switch (encodingOfWidth(segment.bits, Rows::Few)) {
  case ActivationEncoding::None:
    break;
  case ActivationEncoding::Table4I8:
    values = segment.columns / 4 * 16;
    scales = sums = segmentBlocks(segment) * 4;
    break;
  case ActivationEncoding::CodesI8:
    values = segment.columns;
    scales = sums = segmentBlocks(segment) * 4;
    break;
  case ActivationEncoding::F32:
    values = segment.columns * 4;
    break;
  }
  EncodedSegmentOffsets offsets;
  offsets.values = begin;
  offsets.scales = offsets.values + align(values);
  offsets.sums = offsets.scales + align(scales);
  begin = offsets.sums + align(sums);
  return offsets;
}

int64_t picollm::encodedActivationBytes(const MatrixLayout &layout) {
  int64_t bytes = 0;
  for (const Panel &panel : layout.panels)
    for (const Segment &segment : panel.segments)
      place(segment, bytes);
  // Rows an even number of cache lines apart would share few sets of a cache.
  return bytes / partAlignment % 2 ? bytes : bytes + partAlignment;
}

EncodedSegmentOffsets picollm::encodedSegmentOffsets(const MatrixLayout &layout,
                                                     size_t panel,
                                                     size_t segment) {
  assert(panel < layout.panels.size() &&
         segment < layout.panels[panel].segments.size());
  int64_t bytes = 0;
  for (size_t p = 0;; ++p)
    for (size_t s = 0; s < layout.panels[p].segments.size(); ++s) {
      EncodedSegmentOffsets offsets =
          place(layout.panels[p].segments[s], bytes);
      if (p == panel && s == segment)
        return offsets;
    }
}
