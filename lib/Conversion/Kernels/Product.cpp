//===- Product.cpp - one segment of a tile for many rows ------------------===//
//
// The levels of a block are unpacked once, in the form of Layout.h's U[c][g]
// or, for instructions that take it, with the 8 columns of a row side by side;
// a bias is added where multiplications take the weights as unsigned. Then
// every row of activations goes over them, some at once:
//   sum level code = sum (level + bias) code - bias sum(code)
// Of width 8 the unpacked number is q - 128 instead, as 2 q - 255 is no byte:
//   sum (2 q - 255) code = 2 sum (q - 128) code + sum(code)
//
//===----------------------------------------------------------------------===//

#include "../ISA.h"
#include "Dot.h"
#include "StoredFields.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Layout/Levels.h"
#include "llvm/ADT/STLExtras.h"

using namespace picollm;

/// Bytes of the unpacked levels of 4 columns.
static constexpr int64_t fourColumnsBytes = 4 * tileRows;

namespace {

class ProductEmitter {
public:
  ProductEmitter(KernelBuilder &k, const ProductKernel &kernel)
      : k(k), hooks(hooksOf(k.isa)), bits(kernel.bits),
        hasGroups(kernel.group > 0),
        dot(hooks.dotUnsigned ? hooks.dotUnsigned : hooks.dot),
        sideBySide(hooks.dotPairs || hooks.dotUnsignedColumns == 8),
        perVector(hooks.dotPairs ? 2 : 1), weights(k.argument(0)),
        values(k.argument(1)), scales(k.argument(2)), sums(k.argument(3)),
        columns(k.argument(4)), stride(k.argument(5)), tokens(k.argument(6)),
        rowSums(k.argument(7)), unpacked(k.stack(tileRows * blockColumns)) {}

  void emit();

private:
  /// Rows of weights in a vector.
  int64_t lanes() const {
    return hooks.dotUnsigned ? hooks.dotUnsignedRows : 8;
  }
  int64_t vectors() const { return tileRows / lanes(); }
  /// Rows that are scaled and added at once: as many as a vector of sums has
  /// numbers.
  int64_t finishedRows() const {
    return sideBySide && hooks.dotUnsigned ? 16 : lanes();
  }
  int64_t top() const;
  int64_t bias() const;
  int64_t safeMultiplications() const;
  Type sumType() const;

  void unpack(Value begin, Value length);
  Values loadPlanes(Value step);
  Values unpackPlanes(Value step);
  Values unpackFields(Value step);
  Value withBias(Value levels);
  void storeUnpacked(llvm::ArrayRef<Value> levels, Value out);

  void emitTokens(Value begin, Value length, Value token, int64_t count);
  void accumulate(Values &next, Value column, llvm::ArrayRef<Value> codes);
  void accumulateSideBySide(Values &next, Value column,
                            llvm::ArrayRef<Value> codes);
  Value sumOfRows(ValueRange sums, int64_t token, int64_t first);
  void finish(Value begin, Value token, int64_t count, ValueRange found);
  RowGroups groupsOf(Value begin, int64_t first);

  KernelBuilder &k;
  const InstructionHooks &hooks;
  int64_t bits;
  bool hasGroups;
  decltype(InstructionHooks::dot) dot; ///< null: sums of multiplications
  bool sideBySide;                     ///< are the 8 columns of a row
  int64_t perVector; ///< rows of activations that a vector of sums has
  Value weights, values, scales, sums, columns, stride, tokens, rowSums,
      unpacked;
};

} // namespace

/// The largest magnitude that is unpacked.
int64_t ProductEmitter::top() const {
  if (bits == 8)
    return 128;
  return hasGroups ? (1 << bits) - 1 : topLevel(bits);
}

/// What makes the unpacked numbers unsigned, or 0.
int64_t ProductEmitter::bias() const {
  if (hooks.dotUnsigned)
    return 128;
  // `multiply` takes 0..127 and is cheaper than `multiplySigned`; the smaller
  // the numbers are, the more products their sum has room for.
  return !hooks.dot && hooks.productsPerWord == 2 && top() < 64 ? top() : 0;
}

/// Multiplications whose sum fits int16.
int64_t ProductEmitter::safeMultiplications() const {
  return 32767 /
         (hooks.productsPerWord * (top() + bias()) * int64_t(largestCode));
}

Type ProductEmitter::sumType() const {
  if (sideBySide)
    return k.vec(16, k.i32);
  return k.vec(dot ? lanes() : 16 / hooks.productsPerWord, k.i32);
}

Value ProductEmitter::withBias(Value levels) {
  return bias() ? k.add(levels, k.constant(levels.getType(), bias())) : levels;
}

/// `bytes` with its rows moved down; 0 comes in.
static Value moveDown(KernelBuilder &k, Value bytes, int64_t rows) {
  llvm::SmallVector<int64_t> lanes;
  for (int64_t row = 0; row < tileRows; ++row)
    lanes.push_back(row < rows ? row : tileRows + row - rows);
  return k.shuffle(k.constant(bytes.getType(), 0), bytes, lanes);
}

/// i8 x 32, one per row, of four columns -> U[g].
static Values gatherColumns(KernelBuilder &k, llvm::ArrayRef<Value> columns) {
  auto interleave = [&](Value a, Value c, int64_t begin, int64_t bytes) {
    llvm::SmallVector<int64_t> lanes;
    for (int64_t lane = begin; lane < begin + 16; lane += bytes)
      for (int64_t of : {0, 32})
        for (int64_t i = 0; i < bytes; ++i)
          lanes.push_back(of + lane + i);
    return k.shuffle(a, c, lanes);
  };
  Values rows;
  for (int64_t half : {0, 16}) {
    Value first = interleave(columns[0], columns[1], half, 1);
    Value second = interleave(columns[2], columns[3], half, 1);
    rows.push_back(interleave(first, second, 0, 2));
    rows.push_back(interleave(first, second, 16, 2));
  }
  return rows;
}

Values ProductEmitter::loadPlanes(Value step) {
  Values planes;
  for (int64_t p = 0; p < bits; ++p)
    planes.push_back(k.load(k.vec(32, k.i8), k.at(step, 32 * p), 32));
  return planes;
}

/// A step of 8 columns of planes -> U[c][g], with the bias: codes by columns,
/// levels by tables, those that the rows below see moved down to them.
Values ProductEmitter::unpackPlanes(Value step) {
  llvm::SmallVector<Values> tables;
  for (int64_t above = 0; above <= filterDepth(bits, hasGroups); ++above) {
    llvm::SmallVector<int8_t> entries(16);
    for (int32_t code = 0; code < 1 << bits; ++code)
      entries[code] = int8_t(levelPart(bits, code, above, hasGroups) +
                             (above ? 0 : bias()));
    tables.push_back(hooks.makeTable(k, entries));
  }
  const Values planes = loadPlanes(step);
  Values unpackedLevels;
  for (int64_t c : {0, 1}) {
    Values levels;
    for (int64_t column = 4 * c; column < 4 * c + 4; ++column) {
      Value code;
      for (auto [p, plane] : llvm::enumerate(planes)) {
        Value bit = k.bitAnd(shiftBytes(k, plane, int64_t(p) - column),
                             int64_t(1) << p);
        code = code ? k.bitOr(code, bit) : bit;
      }
      Value level = hooks.lookUp(k, tables[0], code);
      for (size_t above = 1; above < tables.size(); ++above)
        level = k.add(level,
                      moveDown(k, hooks.lookUp(k, tables[above], code), above));
      levels.push_back(level);
    }
    llvm::append_range(unpackedLevels, gatherColumns(k, levels));
  }
  return unpackedLevels;
}

Values ProductEmitter::unpackFields(Value step) {
  StoredFields fields(k, bits, hasGroups);
  Values levels;
  for (int64_t c : {0, 1})
    for (int64_t g = 0; g < 4; ++g)
      levels.push_back(withBias(fields.readLevels(step, c, g)));
  return levels;
}

/// `levels`: U[c][g] of a step.
void ProductEmitter::storeUnpacked(llvm::ArrayRef<Value> levels, Value out) {
  if (!sideBySide) {
    for (auto [i, rows] : llvm::enumerate(levels))
      k.store(rows, k.at(out, 32 * int64_t(i)), 32);
    return;
  }
  // The two times 4 columns of a row beside each other.
  Type words = k.vec(8, k.i32);
  for (int64_t g = 0; g < 4; ++g)
    for (int64_t half : {0, 1}) {
      llvm::SmallVector<int64_t> lanes;
      for (int64_t row = 4 * half; row < 4 * half + 4; ++row)
        lanes.append({row, 8 + row});
      Value rows = k.shuffle(k.bitcast(levels[g], words),
                             k.bitcast(levels[4 + g], words), lanes);
      k.store(rows, k.at(out, 64 * g + 32 * half), 32);
    }
}

void ProductEmitter::unpack(Value begin, Value length) {
  Value block = k.at(weights, k.mul(begin, k.index(4 * bits)));
  k.loop(k.index(0), length, stepColumns, [&](Value column) {
    Value step = k.at(block, k.mul(column, k.index(4 * bits)));
    Value out = k.at(unpacked, k.mul(column, k.index(tileRows)));
    k.prefetch(step, stepBytes(bits));
    if (bits > maxPlaneBits)
      storeUnpacked(unpackFields(step), out);
    else if (hooks.unpackPlanes)
      for (auto [g, rows] : llvm::enumerate(hooks.unpackPlanes(
               k, bits, hasGroups, bias(), loadPlanes(step))))
        k.store(rows, k.at(out, 64 * int64_t(g)), 64);
    else
      storeUnpacked(unpackPlanes(step), out);
  });
}

/// Adds a step of 8 columns to sums of sumType(), [rows of `codes`][vectors].
void ProductEmitter::accumulate(Values &next, Value column,
                                llvm::ArrayRef<Value> codes) {
  Values words(next.size());
  int64_t done = 0;
  for (int64_t c : {0, 1}) {
    Value levels = k.at(unpacked, k.add(k.mul(column, k.index(tileRows)),
                                        k.index(fourColumnsBytes * c)));
    ++done;
    for (int64_t v = 0; v < vectors(); ++v) {
      Value w =
          k.load(k.vec(4 * lanes(), k.i8), k.at(levels, 4 * lanes() * v), 32);
      for (auto [t, row] : llvm::enumerate(codes)) {
        Value four = k.load(k.i32, k.at(k.at(row, column), 4 * c), 4);
        Value s = k.bitcast(k.splat(four, lanes()), k.vec(4 * lanes(), k.i8));
        const size_t i = t * vectors() + v;
        if (dot) {
          next[i] = dot(k, next[i], w, s);
          continue;
        }
        Value products =
            (bias() ? hooks.multiply : hooks.multiplySigned)(k, w, s);
        words[i] = words[i] ? k.add(words[i], products) : products;
        if (done % safeMultiplications() == 0 || c == 1) {
          next[i] = hooks.widen(k, next[i], words[i]);
          words[i] = Value();
        }
      }
    }
  }
}

/// The same where the columns of a row are side by side.
void ProductEmitter::accumulateSideBySide(Values &next, Value column,
                                          llvm::ArrayRef<Value> codes) {
  Value levels = k.at(unpacked, k.mul(column, k.index(tileRows)));
  auto load = [&](size_t t) {
    return k.load(k.vec(8, k.i8), k.at(codes[t], column), 8);
  };
  Values factors;
  for (size_t t = 0; t < codes.size(); t += perVector) {
    if (hooks.dotPairs) {
      factors.push_back(k.shuffle(load(t),
                                  load(std::min(t + 1, codes.size() - 1)),
                                  llvm::to_vector(llvm::seq<int64_t>(0, 16))));
    } else {
      Value eight = k.load(k.i64, k.at(codes[t], column), 8);
      factors.push_back(k.bitcast(k.splat(eight, 8), k.vec(64, k.i8)));
    }
  }
  for (int64_t v = 0; v < vectors(); ++v) {
    Value w = k.load(k.vec(64, k.i8), k.at(levels, 64 * v), 32);
    for (auto [t, s] : llvm::enumerate(factors)) {
      Value &sums = next[t * vectors() + v];
      sums =
          hooks.dotPairs ? hooks.dotPairs(k, sums, w, s) : dot(k, sums, w, s);
    }
  }
}

/// Of one of the rows of activations that `sums` are of: finishedRows() rows of
/// weights from row `first` of the tile on.
Value ProductEmitter::sumOfRows(ValueRange sums, int64_t token, int64_t first) {
  auto sumsOf = [&](int64_t row) {
    return sums[token / perVector * vectors() + row / lanes()];
  };
  auto everySecond = [&](int64_t from, int64_t rows) {
    llvm::SmallVector<int64_t> numbers;
    for (int64_t row = 0; row < rows; ++row)
      numbers.push_back(2 * row + from);
    return k.shuffle(sumsOf(first), sumsOf(first + rows - 1), numbers);
  };
  if (hooks.dotPairs)
    return everySecond(token % 2, 8);
  if (sideBySide)
    return k.add(everySecond(0, 16), everySecond(1, 16));
  return dot ? sumsOf(first) : hooks.rowSums(k, sumsOf(first));
}

RowGroups ProductEmitter::groupsOf(Value begin, int64_t first) {
  RowGroups groups;
  for (int64_t octet = first / 8; octet < (first + finishedRows()) / 8;
       ++octet) {
    RowGroups eight = loadGroups(k, bits, weights, columns, begin, octet,
                                 bits == 8 ? 256 : (1 << bits) - 1);
    llvm::SmallVector<int64_t> lanes =
        llvm::to_vector(llvm::seq<int64_t>(0, 16));
    groups = groups.scales
                 ? RowGroups{k.shuffle(groups.scales, eight.scales, lanes),
                             k.shuffle(groups.offsets, eight.offsets, lanes)}
                 : eight;
  }
  return groups;
}

/// Adds the block that starts at `begin` to the sums of `count` rows from
/// `token` on.
void ProductEmitter::finish(Value begin, Value token, int64_t count,
                            ValueRange found) {
  Value offset =
      k.add(k.mul(token, stride), k.div(begin, k.index(blockColumns / 4)));
  const int64_t factor = bits == 8 ? (hasGroups ? 0 : 1) - 2 * bias() : -bias();
  llvm::SmallVector<RowGroups> groups;
  const int64_t atOnce = finishedRows();
  for (int64_t first = 0; first < tileRows && hasGroups; first += atOnce)
    groups.push_back(groupsOf(begin, first));
  for (int64_t t = 0; t < count; ++t) {
    if (t)
      offset = k.add(offset, stride);
    Value scale = k.splat(k.load(k.f32, k.at(scales, offset), 4), atOnce);
    Value codes = k.load(k.i32, k.at(sums, offset), 4);
    Value whole = k.splat(codes, atOnce);
    Value correction = k.splat(k.mul(codes, k.constant(k.i32, factor)), atOnce);
    Value rows =
        k.at(rowSums, k.mul(k.add(token, k.index(t)), k.index(4 * tileRows)));
    for (int64_t first = 0; first < tileRows; first += atOnce) {
      Value sum = sumOfRows(found, t, first);
      if (bits == 8)
        sum = k.shiftLeft(sum, 1);
      if (factor)
        sum = k.add(sum, correction);
      Value scaled = scale;
      if (hasGroups) {
        const RowGroups &group = groups[first / atOnce];
        sum = k.add(sum, k.mul(whole, group.offsets));
        scaled = k.fmul(scale, group.scales);
      }
      Value place = k.at(rows, 4 * first);
      Type floats = k.vec(atOnce, k.f32);
      k.store(k.fadd(k.load(floats, place, 32),
                     k.fmul(k.toFloat(sum, floats), scaled)),
              place, 32);
    }
  }
}

/// `count` rows from `token` on over one block.
void ProductEmitter::emitTokens(Value begin, Value length, Value token,
                                int64_t count) {
  Values codes = {k.at(k.at(values, begin), k.mul(token, stride))};
  while (int64_t(codes.size()) < count)
    codes.push_back(k.at(codes.back(), stride));
  Values zeros((count + perVector - 1) / perVector * vectors(),
               k.constant(sumType(), 0));
  Values found = k.loop(k.index(0), length, stepColumns, zeros,
                        [&](Value column, ValueRange current) {
                          Values next(current);
                          sideBySide ? accumulateSideBySide(next, column, codes)
                                     : accumulate(next, column, codes);
                          return next;
                        });
  finish(begin, token, count, found);
}

void ProductEmitter::emit() {
  k.loop(k.index(0), columns, blockColumns, [&](Value begin) {
    Value length = k.minimum(k.sub(columns, begin), k.index(blockColumns));
    unpack(begin, length);
    const int64_t atOnce = k.schedule.productTokens;
    Value middle = k.sub(tokens, k.rem(tokens, k.index(atOnce)));
    k.loop(k.index(0), middle, atOnce,
           [&](Value token) { emitTokens(begin, length, token, atOnce); });
    k.loop(middle, tokens, 1,
           [&](Value token) { emitTokens(begin, length, token, 1); });
  });
}

static std::string nameWithoutIsa(const ProductKernel &kernel) {
  llvm::StringRef family = kernel.bits <= maxPlaneBits ? "planes" : "fields";
  return ("product_" + family + "_b" + nameOfWidth(kernel.bits, kernel.group) +
          "_codes_i8_r32")
      .str();
}

std::string ProductKernel::name() const {
  return nameWithoutIsa(*this) + "_" + nameOf(isa).str();
}

std::vector<ProductKernel> picollm::productKernels(InstructionSet isa) {
  std::vector<ProductKernel> kernels;
  for (int64_t bits = 1; bits <= 8; ++bits)
    for (int64_t group : {int64_t(0), blockColumns})
      kernels.push_back({bits, isa, group});
  return kernels;
}

void picollm::addAllKernels(mlir::ModuleOp module, InstructionSet isa) {
  for (const DotKernel &kernel : dotKernels(isa))
    getDotKernel(module, kernel).setPublic();
  for (const ProductKernel &kernel : productKernels(isa))
    getProductKernel(module, kernel).setPublic();
}

mlir::func::FuncOp picollm::getProductKernel(mlir::ModuleOp module,
                                             const ProductKernel &kernel) {
  KernelBuilder k(module, kernel.isa);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      nameWithoutIsa(kernel),
      {k.ptr, k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.i64, k.ptr}, existing);
  if (!function)
    return existing;
  ProductEmitter(k, kernel).emit();
  k.endFunction();
  return function;
}
