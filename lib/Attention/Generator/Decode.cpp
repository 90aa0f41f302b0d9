//===- Decode.cpp - one query token against a piece of the KV cache -------===//

#include "Kernels.h"

using namespace Halide;

namespace picollm::attention {

/// Reads K and V once for all heads of the group, as they lie in the cache.
class Decode : public CacheKernel<Decode> {
public:
  Input<Buffer<float, 2>> q{"q"};         // (d, head), from `pack`
  Input<Buffer<float, 2>> state{"state"}; // (D + kStateExtra, head)
  Input<int32_t> begin{"begin"};          // first position that is attended
  Input<int32_t> count{"count"};          // positions, in (begin, kPiece]
  Input<int32_t> first{"first"};          // not 0: `state` holds nothing yet
  Output<Buffer<float, 2>> next{"next"};  // the new state, may be `state`
  Var d{"d"}, h{"h"}, i{"i"}, block{"block"}, j{"j"};
  Func products{"products"}, scores{"scores"}, maximum{"maximum"};
  Func weights{"weights"}, sum{"sum"}, carried{"carried"}, values{"values"};
  RDom dims, positions, keys, columns;

  void configure() { configureCache(); }

  void generate() {
    const int size = headSize;
    Expr blocks = (count + kKeyBlock - 1) / kKeyBlock;
    dims = RDom(0, size, "dims");
    keys = RDom(0, kKeyBlock, 0, blocks, "keys");
    positions = RDom(begin, count - begin, "positions");
    columns = RDom(0, size, "columns");

    // Tiles of several blocks may end behind the last one.
    Expr present = min(block, blocks - 1);
    products(i, block, h) = 0.0f;
    products(i, block, h) += q(dims, h) * keyElement(i, dims, present);
    Expr position = block * kKeyBlock + i;
    Expr attended = position >= begin && position < count;
    scores(i, block, h) = select(
        attended, scaledKey(products(i, block, h), i, present), kNoScore);
    Expr old = select(first != 0, kNoScore, state(size, h));
    maximum(h) = old;
    maximum(h) = max(maximum(h), scores(keys.x, keys.y, h));
    weights(i, block, h) = select(
        attended, exp2NonPositive(scores(i, block, h) - maximum(h)), 0.0f);
    carried(h) = select(first != 0, 0.0f, exp2NonPositive(old - maximum(h)));
    sum(h) = select(first != 0, 0.0f, state(size + 1, h) * carried(h));
    sum(h) += weights(keys.x, keys.y, h);
    values(d, h) = select(first != 0, 0.0f, state(d, h) * carried(h));
    Expr weight = weights(positions % kKeyBlock, positions / kKeyBlock, h);
    values(d, h) += scaledValue(weight, positions) * valueElement(d, positions);

    next(j, h) = undef<float>();
    next(columns, h) = values(columns, h);
    next(size, h) = maximum(h);
    next(size + 1, h) = sum(h);
  }

  void schedule() {
    const int size = headSize, heads = group;
    const int lanes = vectorLanes(size, get_target());
    const int headTile = largestDivisor(heads, 8);
    constrainMatrix(q, size, size);
    constrainCache();
    constrainMatrix(state, size + kStateExtra, size + kStateExtra);
    constrainMatrix(next, size + kStateExtra, size + kStateExtra);
    next.dim(1).set_extent(heads);

    scheduleScores(headTile);
    for (Func *f : {&maximum, &carried, &sum})
      f->compute_root().bound_extent(h, heads).store_in(MemoryType::Stack);
    scheduleRow(maximum);
    scheduleRow(sum);
    weights.compute_root().store_in(MemoryType::Stack).bound_extent(h, heads);
    weights.bound_extent(i, kKeyBlock).bound_storage(block, kBlocks);
    weights.vectorize(i, positionLanes());

    // As many accumulators of one vector as registers hold, beside the values
    // and one weight, stay there over all positions: independent sums hide the
    // latency of FMA. The values of a single head are operands in memory.
    const int registers = positionLanes() >= 16 ? 32 : 16;
    const int perVector = headTile == 1 ? 1 : headTile + 1;
    int chunk = lanes;
    while (size % (2 * chunk) == 0 &&
           2 * chunk / lanes * perVector + 1 < registers)
      chunk *= 2;
    Var inner, outer;
    values.compute_root().store_in(MemoryType::Stack).bound_extent(h, heads);
    values.bound_extent(d, size).vectorize(d, lanes);
    Var tile, headInner;
    values.update()
        .split(d, outer, inner, chunk)
        .split(h, tile, headInner, headTile)
        .reorder(inner, headInner, positions, outer, tile)
        .vectorize(inner, lanes)
        .unroll(inner)
        .unroll(headInner);
    next.update(0).vectorize(columns, lanes);
    next.update(1).unscheduled();
    next.update(2).unscheduled();
  }

private:
  static constexpr int kBlocks = kPiece / kKeyBlock;

  /// Independent sums that keep the units for FMA busy.
  static constexpr int kSums = 6;

  /// Tiles of positions and heads whose sums stay in registers.
  void scheduleScores(int headTile) {
    const int heads = group, lanes = positionLanes();
    int inBlock = lanes, blocks = 1;
    while (inBlock / lanes * headTile < kSums && inBlock < kKeyBlock)
      inBlock *= 2;
    while (inBlock / lanes * headTile * blocks < kSums)
      blocks *= 2;
    Var part, inner, blockOuter, blockInner, headOuter, headInner;
    scores.compute_root().store_in(MemoryType::Stack).bound_extent(h, heads);
    scores.bound_extent(i, kKeyBlock).bound_storage(block, kBlocks);
    // Rounded up: shifted inwards, a tile would begin before the first block.
    scores.split(i, part, inner, inBlock)
        .split(block, blockOuter, blockInner, blocks, TailStrategy::RoundUp)
        .split(h, headOuter, headInner, headTile)
        .reorder(inner, blockInner, headInner, part, blockOuter, headOuter)
        .vectorize(inner, lanes)
        .unroll(inner)
        .unroll(blockInner)
        .unroll(headInner);
    products.compute_at(scores, part).store_in(MemoryType::Stack);
    products.bound_extent(i, inBlock).bound_extent(block, blocks);
    products.bound_extent(h, headTile);
    products.vectorize(i, lanes).unroll(i).unroll(block).unroll(h);
    products.update()
        .reorder(i, block, h, dims)
        .vectorize(i, lanes)
        .unroll(i)
        .unroll(block)
        .unroll(h)
        .unroll(dims, 4);
  }

  /// A reduction over `keys` with one accumulator per lane.
  void scheduleRow(Func &reduction) {
    reduction.update()
        .reorder(keys.x, keys.y, h)
        .atomic()
        .vectorize(keys.x, positionLanes());
  }

  /// Floats of a vector of positions, which divide a block.
  int positionLanes() { return get_target().natural_vector_size<float>(); }
};

} // namespace picollm::attention

HALIDE_REGISTER_GENERATOR(picollm::attention::Decode, decode)
