//===- VNNI.cpp - x86-64 with AVX-VNNI, and with AVX-512 and its VNNI -----===//

#include "../ISA.h"
#include "picollm/Layout/Levels.h"

using namespace picollm;

/// With `bits` of a register. Without AVX-512, LLVM encodes that of 256 as
/// AVX-VNNI has it.
template <int64_t bits>
static Value dotUnsigned(KernelBuilder &k, Value sums, Value u, Value s) {
  return k.intrinsic("llvm.x86.avx512.vpdpbusd." + std::to_string(bits),
                     k.vec(bits / 32, k.i32), {sums, u, s});
}

template <int64_t bits> static InstructionHooks withDotUnsigned() {
  InstructionHooks table = avx2Hooks();
  table.dotUnsigned = dotUnsigned<bits>;
  table.dotUnsignedRows = bits / 32;
  table.dotUnsignedColumns = 4;
  return table;
}

const InstructionHooks &picollm::avxVnniHooks() {
  static const InstructionHooks hooks = withDotUnsigned<256>();
  return hooks;
}

const InstructionHooks &picollm::avx512Hooks() {
  static const InstructionHooks hooks = withDotUnsigned<512>();
  return hooks;
}

/// Of each of 8 rows of a tile from `first` on the codes of its 8 columns,
/// those of the rows above in the bits behind its own: i8 x 64, byte 8 * row +
/// column. Rows that are not there have another row's.
static Value codesWithThoseAbove(KernelBuilder &k, llvm::ArrayRef<Value> planes,
                                 int64_t depth, int64_t first) {
  const int64_t bits = planes.size();
  Value zero = k.constant(planes[0].getType(), 0);
  auto plane = [&](int64_t p) { return p < bits ? planes[p] : zero; };
  llvm::SmallVector<int64_t> both;
  for (int64_t i = 0; i < 64; ++i)
    both.push_back(i);
  Value low = k.shuffle(plane(0), plane(1), both);
  Value high = k.shuffle(plane(2), plane(3), both);
  // A row as a matrix of bits: what is to be bit i of all results is its row
  // 7 - i. The product with the unit vector j is column j.
  llvm::SmallVector<int64_t> lanes;
  for (int64_t row = first; row < first + 8; ++row)
    for (int64_t i = 7; i >= 0; --i) {
      const int64_t above = i / bits, from = std::max<int64_t>(row - above, 0);
      // Of widths below 4 there is a plane of zeros.
      lanes.push_back(above > depth ? 64 + 32 : 32 * (i % bits) + from);
    }
  std::vector<int8_t> units;
  for (int64_t i = 0; i < 64; ++i)
    units.push_back(int8_t(1 << i % 8));
  Type bytes = k.vec(64, k.i8);
  return k.intrinsic(
      "llvm.x86.vgf2p8affineqb.512", bytes,
      {k.vectorOf(units), k.shuffle(low, high, lanes), k.constant(k.i8, 0)});
}

/// What the codes of rows that lie above a tile's first one, read as 0, would
/// add: i8 x 64 of the first 8 rows.
static std::vector<int8_t> partsAboveTile(int64_t bits, int64_t depth) {
  std::vector<int8_t> parts(64);
  for (int64_t row = 0; row < depth; ++row)
    for (int64_t above = row + 1; above <= depth; ++above)
      for (int64_t column = 0; column < 8; ++column)
        parts[8 * row + column] += levelPart(bits, 0, above, false);
  return parts;
}

/// Levels of codes with those above, by one table of 64 entries where these
/// have 6 bits at most, else by one table for each row.
static Value lookUpLevels(KernelBuilder &k, int64_t bits, bool hasGroups,
                          int64_t depth, int64_t bias, Value codes) {
  Type bytes = k.vec(64, k.i8);
  const int32_t mask = (1 << bits) - 1;
  if (bits * (1 + depth) <= 6) {
    std::vector<int8_t> entries;
    for (int32_t code = 0; code < 64; ++code) {
      int64_t level = bias;
      for (int64_t above = 0; above <= depth; ++above)
        level += levelPart(bits, code >> bits * above & mask, above, hasGroups);
      entries.push_back(int8_t(level));
    }
    return k.intrinsic("llvm.x86.avx512.permvar.qi.512", bytes,
                       {k.vectorOf(entries), codes});
  }
  Value levels;
  for (int64_t above = 0; above <= depth; ++above) {
    std::vector<int8_t> entries;
    for (int32_t i = 0; i < 64; ++i)
      entries.push_back(int8_t(levelPart(bits, i & mask, above, hasGroups) +
                               (above ? 0 : bias)));
    Value code = codes;
    if (above) {
      Type words = k.vec(32, k.i16);
      code =
          k.bitcast(k.shiftRight(k.bitcast(codes, words), bits * above), bytes);
    }
    Value part = k.intrinsic("llvm.x86.avx512.pshuf.b.512", bytes,
                             {k.vectorOf(entries), k.bitAnd(code, mask)});
    levels = levels ? k.add(levels, part) : part;
  }
  return levels;
}

static Values unpackPlanes(KernelBuilder &k, int64_t bits, bool hasGroups,
                           int64_t bias, llvm::ArrayRef<Value> planes) {
  const int64_t depth = filterDepth(bits, hasGroups);
  Values levels;
  for (int64_t first = 0; first < 32; first += 8) {
    Value codes = codesWithThoseAbove(k, planes, depth, first);
    const bool lacksRows = first == 0 && depth > 0;
    if (lacksRows) {
      std::vector<int8_t> present(64, -1);
      for (int64_t row = 0; row < depth; ++row)
        for (int64_t column = 0; column < 8; ++column)
          present[8 * row + column] = int8_t((1 << bits * (row + 1)) - 1);
      codes = k.bitAnd(codes, k.vectorOf(present));
    }
    Value found = lookUpLevels(k, bits, hasGroups, depth, bias, codes);
    if (lacksRows)
      found = k.sub(found, k.vectorOf(partsAboveTile(bits, depth)));
    levels.push_back(found);
  }
  return levels;
}

const InstructionHooks &picollm::avx512GfniHooks() {
  static const InstructionHooks hooks = [] {
    InstructionHooks table = avx512Hooks();
    table.dotUnsignedRows = 8;
    table.dotUnsignedColumns = 8;
    table.unpackPlanes = unpackPlanes;
    return table;
  }();
  return hooks;
}
