//===- Decode.cpp - one query token against a piece of the KV cache -------===//

#include "Kernels.h"

using namespace Halide;

namespace picollm::attention {

/// Reads K and V once for all heads of the group, as they lie in the cache.
class Decode : public CacheKernel<Decode> {
public:
  Input<Buffer<float, 2>> q{"q"};         // (d, head), from `pack`
  Input<Buffer<float, 2>> state{"state"}; // (D + kStateExtra, head)
  Input<int32_t> count{"count"};          // positions, in [1, kPiece]
  Input<int32_t> first{"first"};          // not 0: `state` holds nothing yet
  Output<Buffer<float, 2>> next{"next"};  // the new state, may be `state`
  Var d{"d"}, h{"h"}, t{"t"}, j{"j"};
  Func products{"products"}, scores{"scores"}, maximum{"maximum"};
  Func weights{"weights"}, sum{"sum"}, carried{"carried"}, values{"values"};
  RDom dims, positions, keys, columns;

  void configure() { configureCache(); }

  void generate() {
    const int size = headSize;
    Expr blocks = (count + kDecodeBlock - 1) / kDecodeBlock;
    dims = RDom(0, size, "dims");
    keys = RDom(0, blocks * kDecodeBlock, "keys");
    positions = RDom(0, count, "positions");
    columns = RDom(0, size, "columns");

    // The block is filled up with repetitions of the last position, which
    // change no maximum and get no weight.
    Expr position = min(t, count - 1);
    products(h, t) = 0.0f;
    products(h, t) += q(dims, h) * element(k, dims, position);
    scores(h, t) = scaled(products(h, t), keyScales, position);
    Expr old = select(first != 0, kNoScore, state(size, h));
    maximum(h) = old;
    maximum(h) = max(maximum(h), scores(h, keys));
    weights(h, t) =
        select(t < count, exp2NonPositive(scores(h, t) - maximum(h)), 0.0f);
    carried(h) = select(first != 0, 0.0f, exp2NonPositive(old - maximum(h)));
    sum(h) = select(first != 0, 0.0f, state(size + 1, h) * carried(h));
    sum(h) += weights(h, keys);
    values(d, h) = select(first != 0, 0.0f, state(d, h) * carried(h));
    values(d, h) += scaled(weights(h, positions), valueScales, positions) *
                    element(v, d, positions);

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

    scheduleScores(lanes, headTile);
    for (Func *f : {&maximum, &carried, &sum})
      f->compute_root().bound_extent(h, heads).store_in(MemoryType::Stack);
    scheduleRow(maximum);
    scheduleRow(sum);
    const int weightLanes = get_target().natural_vector_size<float>();
    weights.compute_root().store_in(MemoryType::Stack).bound_extent(h, heads);
    weights.bound_storage(t, kPiece).reorder_storage(t, h);
    weights.reorder(t, h).vectorize(t, weightLanes);

    // As many accumulators of one vector as registers hold, beside the values
    // and one weight, stay there over all positions: independent sums hide the
    // latency of FMA. The values of a single head are operands in memory.
    const int registers = weightLanes >= 16 ? 32 : 16;
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
  /// Positions whose scores are worked on together.
  static constexpr int kDecodeBlock = 8;

  void scheduleScores(int lanes, int headTile) {
    const int size = headSize, heads = group;
    Var tile, headInner, lane, block, inner;
    RVar outer, element;
    scores.compute_root().store_in(MemoryType::Stack).bound_extent(h, heads);
    scores.bound_storage(t, kPiece).reorder_storage(t, h);
    scores.split(h, tile, headInner, headTile)
        .split(t, block, inner, kDecodeBlock)
        .reorder(inner, headInner, tile, block)
        .vectorize(inner)
        .unroll(headInner);
    products.compute_at(scores, tile).bound_extent(h, headTile);
    products.store_in(MemoryType::Stack).reorder_storage(t, h);
    products.reorder(t, h).vectorize(t, kDecodeBlock).unroll(h);
    products.update().split(dims, outer, element, lanes);
    Func partial = products.update().rfactor({{element, lane}});
    partial.compute_at(products, t).reorder_storage(lane, h, t);
    partial.reorder(lane, h, t).vectorize(lane).unroll(h);
    partial.update().reorder(lane, h, outer, t).vectorize(lane).unroll(h);
    if (size / lanes <= 16)
      partial.update().unroll(outer);
    products.update()
        .reorder(element, h, t)
        .atomic()
        .vectorize(element)
        .unroll(h);
  }

  /// A reduction over `keys` with one accumulator per lane.
  void scheduleRow(Func &reduction) {
    const int lanes = get_target().natural_vector_size<float>();
    reduction.update().reorder(keys, h).atomic().vectorize(
        keys, lanes < 8 ? lanes : 8);
  }
};

} // namespace picollm::attention

HALIDE_REGISTER_GENERATOR(picollm::attention::Decode, decode)
