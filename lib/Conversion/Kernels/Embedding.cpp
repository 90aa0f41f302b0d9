//===- Embedding.cpp - rows of a packed matrix as floats ------------------===//

#include "../ISA.h"
#include "../StepFunctions.h"
#include "picollm/Layout/Levels.h"

using namespace picollm;
using mlir::arith::CmpIPredicate;

/// Code of column `column` (0..7) of row `r` within the step at `weights`, as
/// i32; places of bits as in Layout.h. `lane` = 4 * (r % 8), `g` = r / 8.
static Value loadCode(KernelBuilder &k, int64_t bits, Value weights, Value r,
                      int64_t column) {
  auto byte = [&](Value offset) {
    return k.zeroExtend(k.load(k.i8, k.at(weights, offset), 1), k.i32);
  };
  auto bitsOf = [&](Value word, Value first, int64_t count, int64_t to) {
    Value low =
        mlir::arith::ShRUIOp::create(k.b, word, k.truncate(first, k.i32));
    return k.shiftLeft(k.bitAnd(low, (1 << count) - 1), to);
  };
  if (bits <= maxPlaneBits) {
    Value code = k.constant(k.i32, 0);
    for (int64_t p = 0; p < bits; ++p)
      code = k.bitOr(
          code, bitsOf(byte(k.add(r, k.index(32 * p))), k.index(column), 1, p));
    return code;
  }
  int64_t c = column / 4;
  Value g = k.shiftRight(r, 3);
  Value lane = k.add(k.shiftLeft(k.bitAnd(r, 7), 2), k.index(column % 4));
  auto vector = [&](Value number) {
    return byte(k.add(k.shiftLeft(number, 5), lane));
  };
  if (bits == 8)
    return vector(k.add(g, k.index(4 * c)));
  Value code = bitsOf(vector(k.add(k.bitAnd(g, 1), k.index(2 * c))),
                      k.shiftLeft(k.shiftRight(g, 1), 2), 4, 0);
  if (bits >= 6)
    code =
        k.bitOr(code, bitsOf(vector(k.index(4 + c)), k.shiftLeft(g, 1), 2, 4));
  if (bits % 2)
    code = k.bitOr(code, bitsOf(vector(k.index(bits >= 6 ? 6 : 4)),
                                k.add(g, k.index(4 * c)), 1, bits - 1));
  return code;
}

/// Zero of row `r` of the group whose zeros are at `zeros`, as i32; places as
/// in Layout.h.
static Value loadZero(KernelBuilder &k, int64_t bits, Value zeros, Value r) {
  const bool nibbles = zeroBits(bits) == 4;
  Value place = k.at(zeros, nibbles ? k.bitAnd(r, 15) : r);
  Value zero = k.zeroExtend(k.load(k.i8, place, 1), k.i32);
  if (!nibbles)
    return zero;
  Value shift = k.truncate(k.shiftLeft(k.shiftRight(r, 4), 2), k.i32);
  return k.bitAnd(mlir::arith::ShRUIOp::create(k.b, zero, shift), 15);
}

/// entries[index], i32; index in 0..15.
static Value emitEntry(KernelBuilder &k, llvm::ArrayRef<int32_t> entries,
                       Value index) {
  // The bytes of two numbers.
  std::array<uint64_t, 2> bytes = {};
  for (size_t i = 0; i < entries.size(); ++i)
    bytes[i / 8] |= uint64_t(uint8_t(entries[i])) << i % 8 * 8;
  Value chosen = k.constant(k.i64, int64_t(bytes[0]));
  if (entries.size() > 8)
    chosen =
        k.select(k.compare(CmpIPredicate::sge, index, k.constant(k.i32, 8)),
                 k.constant(k.i64, int64_t(bytes[1])), chosen);
  Value shift = k.shiftLeft(k.bitAnd(index, 7), 3);
  Value entry =
      mlir::arith::ShRUIOp::create(k.b, chosen, k.zeroExtend(shift, k.i64));
  return k.signExtend(k.truncate(entry, k.i8), k.i32);
}

/// The level of a code that no other row changes, i32.
static Value emitLevel(KernelBuilder &k, int64_t bits, Value code) {
  if (!hasSignBit(bits, false))
    return k.sub(k.shiftLeft(code, 1), k.constant(k.i32, topLevel(bits)));
  Value zero = k.constant(k.i32, 0);
  auto hasBit = [&](int64_t bit) {
    return k.compare(CmpIPredicate::ne, k.bitAnd(code, int64_t(1) << bit),
                     zero);
  };
  llvm::SmallVector<int32_t> entries;
  // The last 16 magnitudes; those before them are even.
  const int32_t first = (1 << (bits - 1)) - 16;
  for (int32_t i = 0; i < 16; ++i)
    entries.push_back(magnitudeOf(bits, first + i));
  Value magnitude = emitEntry(k, entries, k.bitAnd(code, 15));
  if (first > 0)
    magnitude = k.select(
        hasBit(4), magnitude,
        k.add(k.shiftLeft(k.bitAnd(code, 15), 1), k.constant(k.i32, 1)));
  return k.select(hasBit(bits - 1), k.sub(zero, magnitude), magnitude);
}

/// The level in row `r`, in `column` of the step at `weights`, i32.
static Value emitLevelOfRow(KernelBuilder &k, int64_t bits, Value weights,
                            Value r, int64_t column) {
  const int64_t depth = filterDepth(bits, false);
  if (depth == 0)
    return emitLevel(k, bits, loadCode(k, bits, weights, r, column));
  Value level;
  for (int64_t above = 0; above <= depth; ++above) {
    llvm::SmallVector<int32_t> parts;
    for (int32_t code = 0; code < 1 << bits; ++code)
      parts.push_back(levelPart(bits, code, above, false));
    Value row = k.sub(r, k.index(above));
    Value exists = k.compare(CmpIPredicate::sge, row, k.index(0));
    Value code = loadCode(k, bits, weights, k.select(exists, row, r), column);
    Value part =
        k.select(exists, emitEntry(k, parts, code), k.constant(k.i32, 0));
    level = level ? k.add(level, part) : part;
  }
  return level;
}

/// void decode(segment of a tile, row of the tile, columns, order, column
/// scales, row scale, segment scale, out): out[order[j]] = ((r_i c_j) a_s)
/// level, with groups (((r_i c_j) a_s) d) level.
static mlir::func::FuncOp getDecode(mlir::ModuleOp module, InstructionSet isa,
                                    const Segment &segment,
                                    int64_t orderBytes) {
  KernelBuilder k(module, isa);
  const int64_t bits = segment.bits;
  std::string name = "decode_b" + std::to_string(bits);
  if (segment.group)
    name += "g" + std::to_string(segment.group);
  if (orderBytes == 4)
    name += "_order32";
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      name, {k.ptr, k.i64, k.i64, k.ptr, k.ptr, k.f32, k.f32, k.ptr}, existing);
  if (!function)
    return existing;
  Value r = k.argument(1), out = k.argument(7);
  Type entry = orderBytes == 2 ? k.i16 : k.i32;
  // Behind the codes; see loadGroups of the dot kernels.
  Value scales, zeros;
  if (segment.group) {
    Value columns = k.argument(2);
    Value groups = k.divideCeil(columns, blockColumns);
    scales = k.at(k.argument(0), k.mul(columns, k.index(4 * bits)));
    zeros = k.at(scales, k.mul(groups, k.index(groupScaleBytes)));
    scales = k.at(scales, k.shiftLeft(r, 1));
  }
  k.loop(k.index(0), k.argument(2), stepColumns, [&](Value j) {
    Value half =
        k.load(k.vec(8, k.i16), k.at(k.argument(4), k.mul(j, k.index(2))), 16);
    Value factor = k.fmul(
        k.fmul(k.splat(k.argument(5), 8), hooksOf(k.isa).extendHalf(k, half)),
        k.splat(k.argument(6), 8));
    Value twiceZero;
    if (segment.group) {
      Value group = k.div(j, k.index(blockColumns));
      Value d =
          loadHalf(k, k.at(scales, k.mul(group, k.index(groupScaleBytes))));
      factor = k.fmul(factor, k.splat(d, 8));
      Value place = k.at(zeros, k.mul(group, k.index(groupZeroBytes(bits))));
      twiceZero = k.shiftLeft(loadZero(k, bits, place, r), 1);
    }
    Value weights = k.at(k.argument(0), k.mul(j, k.index(4 * bits)));
    Value order = k.at(k.argument(3), k.mul(j, k.index(orderBytes)));
    for (int64_t column = 0; column < stepColumns; ++column) {
      Value value;
      if (bits == 0) {
        value = k.constant(k.f32, 0.0);
      } else if (bits == 16) {
        Value place = k.at(k.at(weights, 64 * column), k.shiftLeft(r, 1));
        value = k.fmul(k.lane(factor, column), loadHalf(k, place));
      } else {
        Value level =
            segment.group
                ? k.sub(k.shiftLeft(loadCode(k, bits, weights, r, column), 1),
                        twiceZero)
                : emitLevelOfRow(k, bits, weights, r, column);
        value = k.fmul(k.lane(factor, column), k.toFloat(level, k.f32));
      }
      Value target = k.zeroExtend(
          k.load(entry, k.at(order, orderBytes * column), orderBytes), k.i64);
      k.store(value, k.at(out, k.shiftLeft(target, 2)), 4);
    }
  });
  k.endFunction();
  return function;
}

/// The row `local` of panel `panel`, times `scale`, into out[columns].
static void emitRow(KernelBuilder &k, const MatrixLayout &layout, size_t panel,
                    Value matrix, Value local, std::optional<double> scale,
                    Value out) {
  const Panel &p = layout.panels[panel];
  PanelOffsets at = panelOffsets(layout, panel);
  int64_t orderBytes = orderEntryBytes(layout.columns);
  Value rowScale =
      loadHalf(k, k.at(k.at(matrix, at.rowScales), k.mul(local, k.index(2))));
  if (scale)
    rowScale = k.fmul(rowScale, k.constant(k.f32, *scale));
  Value tile = k.at(k.at(matrix, at.tiles),
                    k.mul(k.shiftRight(local, 5), k.index(tileBytes(p))));
  Value r = k.bitAnd(local, tileRows - 1);
  int64_t offset = 0, column = 0;
  for (size_t s = 0; s < p.segments.size(); ++s) {
    const Segment &segment = p.segments[s];
    Value scale = k.load(k.f32, k.at(matrix, at.segmentScales + 4 * s), 4);
    k.call(getDecode(k.module, k.isa, segment, orderBytes),
           {k.at(tile, offset), r, k.index(segment.columns),
            k.at(matrix, orderBytes * column),
            k.at(matrix, columnScalesOffset(layout) + 2 * column), rowScale,
            scale, out});
    offset += segmentTileBytes(segment);
    column += segment.columns;
  }
}

mlir::func::FuncOp StepParts::embedding(const MatrixLayout &layout,
                                        std::optional<double> scale) {
  std::string stem = "embedding_" + std::to_string(layout.columns);
  std::string key = stem + " " + layoutKey(layout);
  if (scale)
    key += " " + std::to_string(llvm::bit_cast<uint64_t>(*scale));
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function =
      k.beginFunction(table->number(stem),
                      {k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.i64}, existing);
  Value matrix = k.argument(0), ids = k.argument(1), out = k.argument(2);
  Value tokens = k.argument(3), thread = k.argument(4), threads = k.argument(5);
  Value begin = shareBegin(k, tokens, thread, threads);
  Value end = shareBegin(k, tokens, k.add(thread, k.index(1)), threads);
  k.loop(begin, end, 1, [&](Value token) {
    Value id = k.signExtend(
        k.load(k.i32, k.at(ids, k.mul(token, k.index(4))), 4), k.i64);
    Value place = k.at(out, k.mul(token, k.index(4 * layout.columns)));
    int64_t first = 0;
    for (size_t p = 0; p < layout.panels.size(); ++p) {
      Value local = k.sub(id, k.index(first));
      // Unsigned: rows before the panel are far beyond its last one.
      Value inside =
          k.compare(CmpIPredicate::ult, local, k.index(layout.panels[p].rows));
      k.ifThen(inside,
               [&] { emitRow(k, layout, p, matrix, local, scale, place); });
      first += layout.panels[p].rows;
    }
  });
  k.endFunction();
  table->insert(key, function);
  return function;
}
