//===- Planes.cpp - widths 1-4: bit planes and table look-up --------------===//
//
// A byte of a plane holds one row: 4 columns in its low nibble, 4 in its high
// one. Each nibble is looked up in the table of its 4 columns, for 32 rows at
// once; the two results of a row are added in int16. A block has 16 steps of
// two results up to 127 each: a plane's sum of a row is at most 4064. With
// weights of planes of 1, 2 and 4 that of all fits int16 too; four planes have
// sums of their own. So have those whose signs are filtered over the rows
// (Levels.h): the filter goes over the sums, once per block, which is the same
// product as with filtered weights. With groups, the sum of x times
// 2^b - 1 - 2 z makes the levels 2 q - (2^b - 1) into 2 q - 2 z.
//
//===----------------------------------------------------------------------===//

#include "../ISA.h"
#include "Dot.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Layout/Levels.h"
#include "llvm/ADT/STLExtras.h"
#include <array>

using namespace picollm;

static bool hasSumPerPlane(const DotKernel &kernel) {
  return kernel.bits == 4 || filterDepth(kernel.bits, kernel.group > 0) > 0;
}

/// Sums of each token.
static int64_t sumsPerToken(const DotKernel &kernel) {
  return hasSumPerPlane(kernel) ? kernel.bits : 1;
}

/// One step of some planes: `sums` are, per token and sum, two vectors of
/// int16: rows 0-7 and 16-23, then rows 8-15 and 24-31.
static Values step(KernelBuilder &k, const DotKernel &kernel,
                   llvm::ArrayRef<int64_t> planes, Value weights, Value tables,
                   Value stride, mlir::ValueRange sums) {
  const InstructionHooks &hooks = hooksOf(k.isa);
  const bool apart = hasSumPerPlane(kernel);
  Type bytes = k.vec(32, k.i8);
  Values next(sums), nibbles;
  if (planes[0] == 0)
    k.prefetch(weights, stepBytes(kernel.bits));
  for (int64_t p : planes) {
    Value plane = k.load(bytes, k.at(weights, 32 * p), 32);
    nibbles.push_back(k.bitAnd(plane, 15));
    nibbles.push_back(k.shiftRight(plane, 4));
  }
  for (int64_t t = 0; t < kernel.tokens; ++t) {
    if (t)
      tables = k.at(tables, stride);
    Values low = hooks.loadTable(k, tables);
    Values high = hooks.loadTable(k, k.at(tables, 16));
    for (auto [i, p] : llvm::enumerate(planes)) {
      Value a = hooks.lookUp(k, low, nibbles[2 * i]);
      Value c = hooks.lookUp(k, high, nibbles[2 * i + 1]);
      Value *sum = &next[apart ? 2 * (t * planes.size() + i) : 2 * t];
      const int64_t weight =
          apart ? 1 : planeWeight(kernel.bits, p, 0, kernel.group > 0);
      for (int64_t half : {0, 1})
        sum[half] = hooks.addLookUps(k, sum[half], a, c, weight, half);
    }
  }
  return next;
}

/// Sums over a block, per token and sum. The sums of all planes and several
/// tokens would not fit the registers: then one plane after the other.
static Values sumBlock(KernelBuilder &k, const DotKernel &kernel,
                       const DotArguments &a, Value begin) {
  const int64_t bits = kernel.bits, tokens = kernel.tokens;
  Value length = k.minimum(k.sub(a.columns, begin), k.index(blockColumns));
  Value weights = k.at(a.weights, k.mul(begin, k.index(4 * bits)));
  Value tables = k.at(a.values, k.mul(begin, k.index(4)));
  const bool onePlaneEach = tokens > 1 && hasSumPerPlane(kernel);
  llvm::SmallVector<llvm::SmallVector<int64_t>> passes(onePlaneEach ? bits : 1);
  for (int64_t p = 0; p < bits; ++p)
    passes[onePlaneEach ? p : 0].push_back(p);
  const int64_t perToken = sumsPerToken(kernel),
                inPass = perToken / passes.size();
  Values sums(2 * tokens * perToken);
  for (auto [number, planes] : llvm::enumerate(passes)) {
    Values zeros(2 * tokens * inPass, k.constant(k.vec(16, k.i16), 0));
    Values found = k.unrolledLoop(
        k.index(0), length, stepColumns, k.schedule.planeSteps, zeros,
        [&, &planes = planes](Value column, mlir::ValueRange current) {
          return step(k, kernel, planes,
                      k.at(weights, k.mul(column, k.index(4 * bits))),
                      k.at(tables, k.mul(column, k.index(4))), a.stride,
                      current);
        });
    for (int64_t t = 0; t < tokens; ++t)
      std::copy_n(&found[2 * inPass * t], 2 * inPass,
                  &sums[2 * (perToken * t + inPass * number)]);
  }
  return sums;
}

/// `current` with its rows moved down by `rows` (1..7). Both have two runs of 8
/// rows, and `previous` has those before them.
static Value moveDown(KernelBuilder &k, Value previous, Value current,
                      int64_t rows) {
  llvm::SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < 16; ++lane)
    lanes.push_back(lane % 8 < rows ? lane + 8 - rows : 16 + lane - rows);
  return k.shuffle(previous, current, lanes);
}

/// Sums of one token as step() leaves them -> i32 x 8 of each octet of rows.
static std::array<Value, 4>
sumsOfRows(KernelBuilder &k, const DotKernel &kernel, mlir::ValueRange sums) {
  const InstructionHooks &hooks = hooksOf(k.isa);
  WeightedWords evenTerms, oddTerms;
  if (!hasSumPerPlane(kernel)) {
    evenTerms.push_back({sums[0], 1});
    oddTerms.push_back({sums[1], 1});
  }
  const bool hasGroups = kernel.group > 0;
  for (int64_t p = 0; hasSumPerPlane(kernel) && p < kernel.bits; ++p) {
    Value even = sums[2 * p], odd = sums[2 * p + 1];
    // Nothing is above the tile's first row.
    llvm::SmallVector<int64_t> lanes;
    for (int64_t lane = 0; lane < 16; ++lane)
      lanes.push_back(lane < 8 ? lane : 16 + lane - 8);
    Value beforeEven = k.shuffle(k.constant(even.getType(), 0), odd, lanes);
    for (int64_t above = 0; above <= filterDepth(kernel.bits, hasGroups);
         ++above) {
      const int64_t weight = planeWeight(kernel.bits, p, above, hasGroups);
      evenTerms.push_back(
          {above ? moveDown(k, beforeEven, even, above) : even, weight});
      oddTerms.push_back({above ? moveDown(k, even, odd, above) : odd, weight});
    }
  }
  auto even = hooks.weightedSum(k, evenTerms);
  auto odd = hooks.weightedSum(k, oddTerms);
  return {even.first, odd.first, even.second, odd.second};
}

void picollm::emitPlanes(KernelBuilder &k, const DotKernel &kernel,
                         const DotArguments &a) {
  const int64_t bits = kernel.bits, tokens = kernel.tokens;
  k.loop(k.index(0), a.columns, blockColumns, [&](Value begin) {
    const Values sums = sumBlock(k, kernel, a, begin);
    const int64_t perToken = 2 * sumsPerToken(kernel);
    llvm::SmallVector<RowGroups> groups;
    for (int64_t octet = 0; octet < 4 && kernel.group; ++octet)
      groups.push_back(loadGroups(k, bits, a.weights, a.columns, begin, octet,
                                  (int64_t(1) << bits) - 1));
    Value offset = k.div(begin, k.index(blockColumns / 4));
    for (int64_t t = 0; t < tokens; ++t) {
      if (t)
        offset = k.add(offset, a.stride);
      Value scale = k.splat(k.load(k.f32, k.at(a.scales, offset), 4), 8);
      Value whole;
      if (kernel.group)
        whole = k.splat(k.load(k.i32, k.at(a.sums, offset), 4), 8);
      const std::array<Value, 4> rows = sumsOfRows(
          k, kernel, mlir::ValueRange(sums).slice(perToken * t, perToken));
      for (int64_t octet = 0; octet < 4; ++octet) {
        Value sum = rows[octet];
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
