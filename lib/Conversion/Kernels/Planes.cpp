//===- Planes.cpp - widths 1-3: bit planes and table look-up --------------===//
//
// A byte of a plane holds one row: 4 columns in its low nibble, 4 in its high
// one. Each nibble is looked up in the table of its 4 columns, for 32 rows at
// once; the two results of a row are added in int16 with the plane's weight
// (Levels.h). A block has 16 steps, so a row's sum is at most 16 * 2 * 113 * 9
// = 32544: int16 holds a whole block. With groups, the sum of x times
// 2^b - 1 - 2 z makes the levels 2 q - (2^b - 1) into 2 q - 2 z.
//
//===----------------------------------------------------------------------===//

#include "../ISA.h"
#include "Dot.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Layout/Levels.h"

using namespace picollm;

/// Steps whose code is laid out one after the other; measured on AVX2. Portable
/// look-ups are long, and their time is not that of the loop.
static int64_t unrollOf(InstructionSet isa) {
  return isa == InstructionSet::Portable ? 1 : 4;
}

/// One step: `sums` are, per token, int16 sums of rows 0-7 and 16-23, then of
/// rows 8-15 and 24-31.
static Values step(KernelBuilder &k, const DotKernel &kernel, Value weights,
                   Value tables, Value stride, mlir::ValueRange sums) {
  const int64_t bits = kernel.bits;
  const InstructionHooks &hooks = hooksOf(k.isa);
  Type bytes = k.vec(32, k.i8);
  Values next(sums), nibbles;
  k.prefetch(weights, stepBytes(bits));
  for (int64_t p = 0; p < bits; ++p) {
    Value plane = k.load(bytes, k.at(weights, 32 * p), 32);
    nibbles.push_back(k.bitAnd(plane, 15));
    nibbles.push_back(k.shiftRight(plane, 4));
  }
  for (size_t t = 0; t < sums.size() / 2; ++t) {
    if (t)
      tables = k.at(tables, stride);
    Values low = hooks.loadTable(k, tables);
    Values high = hooks.loadTable(k, k.at(tables, 16));
    for (int64_t p = 0; p < bits; ++p) {
      Value a = hooks.lookUp(k, low, nibbles[2 * p]);
      Value c = hooks.lookUp(k, high, nibbles[2 * p + 1]);
      for (int64_t half : {0, 1})
        next[2 * t + half] =
            hooks.addLookUps(k, next[2 * t + half], a, c,
                             planeWeight(bits, p, kernel.group > 0), half);
    }
  }
  return next;
}

void picollm::emitPlanes(KernelBuilder &k, const DotKernel &kernel,
                         const DotArguments &a) {
  const int64_t bits = kernel.bits, tokens = kernel.tokens;
  k.loop(k.index(0), a.columns, blockColumns, [&](Value begin) {
    Value length = k.minimum(k.sub(a.columns, begin), k.index(blockColumns));
    Value weights = k.at(a.weights, k.mul(begin, k.index(4 * bits)));
    Value tables = k.at(a.values, k.mul(begin, k.index(4)));
    Values zeros(2 * tokens, k.constant(k.vec(16, k.i16), 0));
    Values sums = k.unrolledLoop(
        k.index(0), length, stepColumns, unrollOf(k.isa), zeros,
        [&](Value column, mlir::ValueRange current) {
          return step(
              k, kernel, k.at(weights, k.mul(column, k.index(4 * bits))),
              k.at(tables, k.mul(column, k.index(4))), a.stride, current);
        });
    llvm::SmallVector<RowGroups> groups;
    for (int64_t octet = 0; octet < 4 && kernel.group; ++octet)
      groups.push_back(
          loadGroups(k, kernel, a, begin, octet, (int64_t(1) << bits) - 1));
    Value offset = k.div(begin, k.index(blockColumns / 4));
    for (int64_t t = 0; t < tokens; ++t) {
      if (t)
        offset = k.add(offset, a.stride);
      Value scale = k.splat(k.load(k.f32, k.at(a.scales, offset), 4), 8);
      Value whole;
      if (kernel.group)
        whole = k.splat(k.load(k.i32, k.at(a.sums, offset), 4), 8);
      for (int64_t octet = 0; octet < 4; ++octet) {
        Value words = k.slice(sums[2 * t + octet % 2], octet / 2 * 8, 8);
        Value sum = k.signExtend(words, k.vec(8, k.i32));
        if (!kernel.group) {
          addBlock(k, a, t, octet, sum, scale);
          continue;
        }
        const RowGroups &group = groups[octet];
        addBlock(k, a, t, octet, k.add(sum, k.mul(whole, group.offsets)),
                 k.fmul(scale, group.scales));
      }
    }
  });
}
