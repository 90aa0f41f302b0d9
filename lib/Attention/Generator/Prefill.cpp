//===- Prefill.cpp - a block of query tokens against a piece --------------===//

#include "Kernels.h"

using namespace Halide;

namespace picollm::attention {

/// K and V of a piece as f32, K in blocks of kKeyBlock positions as in the
/// cache. The last block is filled up with zeros.
class Prepare : public CacheKernel<Prepare> {
public:
  Input<int32_t> count{"count"};             // positions, in [1, kPiece]
  Output<Buffer<float, 3>> keys{"keys"};     // (position, d, block)
  Output<Buffer<float, 2>> values{"values"}; // (d, position)
  Var d{"d"}, i{"i"}, block{"block"}, t{"t"};

  void configure() { configureCache(); }

  void generate() {
    keys(i, d, block) =
        select(block * kKeyBlock + i < count,
               scaledKey(keyElement(i, d, block), i, block), 0.0f);
    values(d, t) = scaledValue(valueElement(d, t), t);
  }

  void schedule() {
    const int size = headSize, lanes = vectorLanes(size, get_target());
    constrainCache();
    constrainKeys(keys, size, kKeyBlock * size);
    constrainMatrix(values, size, size);
    values.vectorize(d, lanes);
    keys.vectorize(i, get_target().natural_vector_size<float>());
  }
};

/// Two matrix products with a softmax between them, per tile of rows.
class Prefill : public AttentionKernel<Prefill> {
public:
  Input<Buffer<float, 2>> q{"q"};           // (d, row), from `pack`
  Input<Buffer<float, 3>> keys{"keys"};     // (position, d, block)
  Input<Buffer<float, 2>> values{"values"}; // (d, position)
  Input<Buffer<float, 2>> state{"state"};   // (D + kStateExtra, row)
  Input<int32_t> limit{"limit"};            // last position of the piece that
                                            // token 0 attends; may be negative
  Input<int32_t> count{"count"};            // positions, in [1, kPiece]
  Input<int32_t> first{"first"};            // not 0: `state` holds nothing yet
  Input<int32_t> *lowest = nullptr;         // with a window: first position of
                                            // the piece that token 0 attends
  Output<Buffer<float, 2>> next{"next"};    // the new state, may be `state`
  Var d{"d"}, r{"r"}, t{"t"}, j{"j"};
  Func dot{"dot"}, scores{"scores"}, maximum{"maximum"}, weights{"weights"};
  Func last{"last"}, earliest{"earliest"}, carried{"carried"}, sum{"sum"},
      product{"product"}, tile{"tile"};
  RDom dims, all, positions, columns;

  void configure() {
    if (windowed)
      lowest = add_input<int32_t>("lowest");
  }

  void generate() {
    const int size = headSize;
    Expr padded = (count + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
    dims = RDom(0, size, "dims");
    all = RDom(0, padded, "all");
    positions = RDom(0, count, "positions");
    columns = RDom(0, size, "columns");

    dot(t, r) = 0.0f;
    dot(t, r) += q(dims, r) * keys(t % kKeyBlock, dims, t / kKeyBlock);
    // A stage of its own: from the condition itself Halide would conclude which
    // rows of `dot` are needed, and its tiles would lose their fixed place.
    last(r) = limit + r / int(group);
    Expr attended = t <= last(r);
    if (windowed) {
      earliest(r) = *lowest + r / int(group);
      attended = attended && t >= earliest(r);
    }
    scores(t, r) = select(attended, dot(t, r), kNoScore);
    // A row that attends nothing of this piece has attended something in the
    // first piece (position 0; the windows of a block begin in one piece): its
    // maximum is finite, so no weight is lost or made up.
    Expr old = select(first != 0, kNoScore, state(size, r));
    maximum(r) = old;
    maximum(r) = max(maximum(r), scores(all, r));
    weights(t, r) =
        select(attended, exp2NonPositive(scores(t, r) - maximum(r)), 0.0f);
    carried(r) = select(first != 0, 0.0f, exp2NonPositive(old - maximum(r)));
    sum(r) = select(first != 0, 0.0f, state(size + 1, r) * carried(r));
    sum(r) += weights(all, r);
    product(d, r) = 0.0f;
    product(d, r) += weights(positions, r) * values(d, positions);

    tile(j, r) = undef<float>();
    tile(columns, r) = product(columns, r) +
                       select(first != 0, 0.0f, state(columns, r) * carried(r));
    tile(size, r) = maximum(r);
    tile(size + 1, r) = sum(r);
    next(j, r) = tile(j, r);
  }

  void schedule() {
    const int size = headSize;
    const int lanes = vectorLanes(size, get_target());
    const int natural = get_target().natural_vector_size<float>();
    const int rowTile = natural >= 16 ? 12 : 6;
    constrainMatrix(q, size, size);
    constrainKeys(keys, size, kKeyBlock * size);
    constrainMatrix(values, size, size);
    constrainMatrix(state, size + kStateExtra, size + kStateExtra);
    constrainMatrix(next, size + kStateExtra, size + kStateExtra);

    Var outer, inner, block;
    next.split(r, outer, inner, rowTile, TailStrategy::RoundUp).vectorize(j, 4);
    for (Func *f : {&last, &earliest, &maximum, &carried, &sum, &scores,
                    &weights, &product, &tile})
      if (f->defined())
        f->compute_at(next, outer)
            .store_in(MemoryType::Stack)
            .bound_extent(r, rowTile);
    tile.update(0).vectorize(columns, lanes);
    tile.update(1).unscheduled();
    tile.update(2).unscheduled();

    // Twelve accumulators of one vector in registers: 6 rows x 2, 12 rows x 1.
    const int keyTile = natural >= 16 ? natural : 2 * natural;
    scores.bound_storage(t, kPiece);
    scores.split(t, block, inner, keyTile)
        .reorder(inner, r, block)
        .vectorize(inner, natural)
        .unroll(inner)
        .unroll(r);
    dot.compute_at(scores, block).store_in(MemoryType::Stack);
    dot.bound_extent(t, keyTile).bound_extent(r, rowTile);
    dot.vectorize(t, natural).unroll(t).unroll(r);
    dot.update().reorder(t, r, dims).vectorize(t, natural).unroll(t).unroll(r);
    maximum.update().reorder(all, r).atomic().vectorize(all, natural);
    weights.bound_storage(t, kPiece).vectorize(t, natural);
    sum.update().reorder(all, r).atomic().vectorize(all, natural);

    const int chunk =
        natural < 16 && size % (2 * lanes) == 0 ? 2 * lanes : lanes;
    product.bound_extent(d, size).vectorize(d, lanes);
    product.update()
        .split(d, block, inner, chunk)
        .reorder(inner, r, positions, block)
        .vectorize(inner, lanes)
        .unroll(inner)
        .unroll(r);
  }
};

} // namespace picollm::attention

HALIDE_REGISTER_GENERATOR(picollm::attention::Prepare, prepare)
HALIDE_REGISTER_GENERATOR(picollm::attention::Prefill, prefill)
