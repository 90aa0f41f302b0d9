//===- Linear.cpp - drivers: matrix products of one layout ----------------===//
//
// Segments, widths, counts and offsets are constants of the driver; only
// pointers are arguments, so equal layouts share it. Threads take contiguous
// ranges of tiles. Tokens go in blocks whose encoded activations fit the second
// cache; within a block each tile is multiplied with all its tokens, so that
// its weights are read from memory once: where the call has many, unpacked for
// all of them (ProductKernel), else four at a time (DotKernel).
//
//===----------------------------------------------------------------------===//

#include "../StepFunctions.h"
#include "Finish.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Layout/EncodedActivation.h"

using namespace picollm;

/// Tokens between two passes over the weights.
static constexpr int64_t blockTokens = 64;

/// One output for each source, or one for all.
static size_t outputCount(llvm::ArrayRef<PanelRange> sources,
                          LinearEpilogue epilogue) {
  return epilogue == LinearEpilogue::Store ? sources.size() : 1;
}

namespace {

class LinearEmitter {
public:
  LinearEmitter(KernelBuilder &k, const MatrixLayout &layout,
                llvm::ArrayRef<PanelRange> sources, LinearEpilogue epilogue)
      : k(k), layout(layout), sources(sources), epilogue(epilogue),
        stride(encodedActivationBytes(layout)) {}

  void emit();

private:
  bool isGate() const { return picollm::isGate(epilogue); }
  int64_t tileCost(const Panel &panel) const {
    // A panel of width 0 has no bytes, but its results must be stored.
    return std::max<int64_t>(tileBytes(panel), 32);
  }
  void emitTokenBlocks(Rows rows);
  void emitTokenBlock(Rows rows, Value begin, Value end);
  void emitTile(size_t panel, Value tile, Value begin, Value end);
  void emitTokens(size_t panel, Value tile, Value token, int64_t count);
  void emitSums(size_t panel, Value tile, Value token, int64_t count,
                Value sums);
  void emitTileOfMany(size_t panel, Value tile, Value begin, Value end);
  void emitSumsOfMany(size_t panel, Value tile, Value begin, Value count,
                      Value sums);
  void emitResults(size_t panel, Value tile, Value token, Value count);

  /// Calls `visit` with each segment that has weights: its index, where its
  /// part of the tile begins, and where its encoded activations do.
  void forEachSegment(
      size_t panel, Value tile,
      llvm::function_ref<void(const Segment &, Value, EncodedSegmentOffsets)>
          visit);
  /// Those of a dot kernel for `count` tokens from `token` on.
  void emitDot(const Segment &segment, Value weights, EncodedSegmentOffsets at,
               Value token, int64_t count, Value sums);

  KernelBuilder &k;
  const MatrixLayout &layout;
  llvm::ArrayRef<PanelRange> sources;
  LinearEpilogue epilogue;
  int64_t stride;
  Value matrix, encoded, tokens, callRows, thread, threads;
  Values outputs, sums;
};

} // namespace

void LinearEmitter::emit() {
  unsigned argument = 0;
  matrix = k.argument(argument++);
  encoded = k.argument(argument++);
  size_t count = outputCount(sources, epilogue);
  for (size_t i = 0; i < count; ++i)
    outputs.push_back(k.argument(argument++));
  tokens = k.argument(argument++);
  callRows = k.argument(argument++);
  thread = k.argument(argument++);
  threads = k.argument(argument++);
  for (size_t i = 0; i < (isGate() ? 2 : 1); ++i)
    sums.push_back(k.stack(blockTokens * tileRows * 4));
  k.ifElse(
      emitIsMany(k, callRows), [&] { emitTokenBlocks(Rows::Many); },
      [&] { emitTokenBlocks(Rows::Few); });
}

void LinearEmitter::emitTokenBlocks(Rows rows) {
  k.loop(k.index(0), tokens, blockTokens, [&](Value begin) {
    emitTokenBlock(rows, begin,
                   k.minimum(tokens, k.add(begin, k.index(blockTokens))));
  });
}

void LinearEmitter::emitTokenBlock(Rows rows, Value begin, Value end) {
  // A thread has the tiles whose first byte lies in its share of all bytes.
  int64_t total = 0;
  for (const Panel &panel : layout.panels)
    if (&panel == &layout.panels[0] || !isGate())
      total += storedRows(panel.rows) / tileRows * tileCost(panel);
  Value next = k.add(thread, k.index(1));
  Value from = shareBegin(k, k.index(total), thread, threads);
  Value to = shareBegin(k, k.index(total), next, threads);
  int64_t start = 0;
  for (size_t p = 0; p < (isGate() ? 1 : layout.panels.size()); ++p) {
    const Panel &panel = layout.panels[p];
    int64_t tiles = storedRows(panel.rows) / tileRows, cost = tileCost(panel);
    auto firstTile = [&](Value byte) {
      Value above = k.maximum(k.sub(byte, k.index(start)), k.index(0));
      Value tile = k.divideCeil(above, cost);
      return k.minimum(tile, k.index(tiles));
    };
    k.loop(firstTile(from), firstTile(to), 1, [&](Value tile) {
      rows == Rows::Many ? emitTileOfMany(p, tile, begin, end)
                         : emitTile(p, tile, begin, end);
    });
    start += tiles * cost;
  }
}

void LinearEmitter::emitTile(size_t panel, Value tile, Value begin, Value end) {
  Value rest = k.bitAnd(k.sub(end, begin), 3);
  Value middle = k.sub(end, rest);
  k.loop(begin, middle, 4,
         [&](Value token) { emitTokens(panel, tile, token, 4); });
  k.loop(middle, end, 1,
         [&](Value token) { emitTokens(panel, tile, token, 1); });
}

void LinearEmitter::emitTokens(size_t panel, Value tile, Value token,
                               int64_t count) {
  for (size_t i = 0; i < sums.size(); ++i)
    emitSums(panel + i, tile, token, count, sums[i]);
  emitResults(panel, tile, token, k.index(count));
}

void LinearEmitter::emitTileOfMany(size_t panel, Value tile, Value begin,
                                   Value end) {
  Value count = k.sub(end, begin);
  for (size_t i = 0; i < sums.size(); ++i)
    emitSumsOfMany(panel + i, tile, begin, count, sums[i]);
  emitResults(panel, tile, begin, count);
}

void LinearEmitter::forEachSegment(
    size_t panel, Value tile,
    llvm::function_ref<void(const Segment &, Value, EncodedSegmentOffsets)>
        visit) {
  const Panel &p = layout.panels[panel];
  Value weights = k.at(k.at(matrix, panelOffsets(layout, panel).tiles),
                       k.mul(tile, k.index(tileBytes(p))));
  int64_t offset = 0;
  for (size_t s = 0; s < p.segments.size(); ++s) {
    const Segment &segment = p.segments[s];
    if (segment.bits == 0)
      continue;
    visit(segment, k.at(weights, offset),
          encodedSegmentOffsets(layout, panel, s));
    offset += segmentTileBytes(segment);
  }
}

void LinearEmitter::emitDot(const Segment &segment, Value weights,
                            EncodedSegmentOffsets at, Value token,
                            int64_t count, Value sums) {
  Value activation = k.at(encoded, k.mul(token, k.index(stride)));
  k.call(getDotKernel(k.module, {segment.bits, count, k.isa, segment.group}),
         {weights, k.at(activation, at.values), k.at(activation, at.scales),
          k.at(activation, at.sums), k.index(segment.columns), k.index(stride),
          sums});
}

/// sums[count][32] = segment by segment, before row scales.
void LinearEmitter::emitSums(size_t panel, Value tile, Value token,
                             int64_t count, Value sums) {
  Type floats = k.vec(8, k.f32);
  for (int64_t i = 0; i < 4 * count; ++i)
    k.store(k.constant(floats, 0.0), k.at(sums, 32 * i), 32);
  forEachSegment(
      panel, tile,
      [&](const Segment &segment, Value weights, EncodedSegmentOffsets at) {
        emitDot(segment, weights, at, token, count, sums);
      });
}

/// The same for the `count` tokens of a block of many.
void LinearEmitter::emitSumsOfMany(size_t panel, Value tile, Value begin,
                                   Value count, Value sums) {
  Type floats = k.vec(8, k.f32);
  k.loop(k.index(0), k.mul(count, k.index(4 * tileRows)), 32, [&](Value byte) {
    k.store(k.constant(floats, 0.0), k.at(sums, byte), 32);
  });
  Value activation = k.at(encoded, k.mul(begin, k.index(stride)));
  forEachSegment(
      panel, tile,
      [&](const Segment &segment, Value weights, EncodedSegmentOffsets at) {
        if (segment.bits == 16) {
          k.loop(k.index(0), count, 1, [&](Value token) {
            emitDot(segment, weights, at, k.add(begin, token), 1,
                    k.at(sums, k.mul(token, k.index(4 * tileRows))));
          });
          return;
        }
        k.call(getProductKernel(k.module, {segment.bits, k.isa, segment.group}),
               {weights, k.at(activation, at.values),
                k.at(activation, at.scales), k.at(activation, at.sums),
                k.index(segment.columns), k.index(stride), count, sums});
      });
}

/// Sums of a tile to its results, by the function all drivers share.
void LinearEmitter::emitResults(size_t panel, Value tile, Value token,
                                Value count) {
  // The panel's rows within those of its source, which an output holds.
  size_t source = 0;
  while (sources[source].end <= panel)
    ++source;
  int64_t begin = PanelRange{sources[source].begin, panel}.rows(layout);
  int64_t outputRows = sources[source].rows(layout);
  int64_t rows = layout.panels[panel].rows;
  Values scales;
  for (size_t i = 0; i < sums.size(); ++i)
    scales.push_back(
        k.at(k.at(matrix, panelOffsets(layout, panel + i).rowScales),
             k.mul(tile, k.index(2 * tileRows))));
  Value first = k.add(k.mul(token, k.index(4 * outputRows)),
                      k.mul(tile, k.index(4 * tileRows)));
  Value left = k.sub(k.index(rows), k.mul(tile, k.index(tileRows)));
  Value output = k.at(outputs[source], 4 * begin);
  k.call(getFinish(k.module, k.isa, epilogue),
         {sums.front(), sums.back(), scales.front(), scales.back(),
          k.at(output, first), k.index(4 * outputRows), count,
          k.minimum(left, k.index(tileRows))});
}

mlir::func::FuncOp StepParts::linear(const MatrixLayout &layout,
                                     llvm::ArrayRef<PanelRange> sources,
                                     LinearEpilogue epilogue) {
  std::string stem =
      ("linear_" + nameOf(epilogue) + "_" + llvm::Twine(layout.columns)).str();
  std::string key = stem + " " + layoutKey(layout);
  for (PanelRange panels : sources)
    key += " " + std::to_string(panels.end);
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  llvm::SmallVector<Type> types(2 + outputCount(sources, epilogue), k.ptr);
  types.append(4, k.i64);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function =
      k.beginFunction(table->number(stem), types, existing);
  LinearEmitter(k, layout, sources, epilogue).emit();
  k.endFunction();
  table->insert(key, function);
  return function;
}
