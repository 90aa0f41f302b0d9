//===- PackAndFinish.cpp - the first and the last steps of a block --------===//

#include "Kernels.h"

using namespace Halide;

namespace picollm::attention {

/// packed(d, row) = q(d, head, token) * scale * log2(e): scores then are base-2
/// logarithms. Rows past the last token repeat it.
class Pack : public AttentionKernel<Pack> {
public:
  Input<Buffer<float, 3>> q{"q"}; // (d, head, token)
  Input<float> scale{"scale"};
  Input<int32_t> tokens{"tokens"};
  Output<Buffer<float, 2>> packed{"packed"}; // (d, row)
  Var d{"d"}, row{"row"};

  void generate() {
    Expr token = min(row / int(group), tokens - 1);
    packed(d, row) = q(d, row % int(group), token) * (scale * 1.44269504f);
  }

  void schedule() {
    q.dim(0).set_bounds(0, headSize);
    q.dim(1).set_bounds(0, group).set_stride(headSize);
    q.dim(2).set_min(0);
    constrainMatrix(packed, headSize, headSize);
    packed.vectorize(d, vectorLanes(headSize, get_target()));
  }
};

/// out(d, head, token) = weighted sum / sum of the weights.
class Finish : public AttentionKernel<Finish> {
public:
  Input<Buffer<float, 2>> state{"state"}; // (D + kStateExtra, row)
  Output<Buffer<float, 3>> out{"out"};    // (d, head, token)
  Var d{"d"}, head{"head"}, token{"token"};
  Func reciprocal{"reciprocal"};

  void generate() {
    Expr row = token * int(group) + head;
    reciprocal(head, token) = 1.0f / state(int(headSize) + 1, row);
    out(d, head, token) = state(d, row) * reciprocal(head, token);
  }

  void schedule() {
    constrainMatrix(state, int(headSize) + kStateExtra,
                    int(headSize) + kStateExtra);
    out.dim(0).set_bounds(0, headSize);
    out.dim(1).set_bounds(0, group).set_stride(headSize);
    out.dim(2).set_min(0);
    out.vectorize(d, vectorLanes(headSize, get_target()));
    reciprocal.compute_at(out, head);
  }
};

/// The state of several parts of the context, merged in ascending order.
class Merge : public AttentionKernel<Merge> {
public:
  Input<Buffer<float, 3>> parts{"parts"};  // (D + kStateExtra, head, part)
  Output<Buffer<float, 2>> state{"state"}; // (D + kStateExtra, head)
  Var j{"j"}, h{"h"}, p{"p"};
  Func maximum{"maximum"}, factor{"factor"}, sum{"sum"};
  RDom all, columns;

  void generate() {
    const int size = headSize;
    all = RDom(0, parts.dim(2).extent(), "all");
    columns = RDom(0, size + 2, "columns");
    maximum(h) = kNoScore;
    maximum(h) = max(maximum(h), parts(size, h, all));
    factor(h, p) = exp2NonPositive(parts(size, h, p) - maximum(h));
    // The sum of the weights is merged as the weighted values are; the maximum
    // between them is set right afterwards.
    sum(j, h) = 0.0f;
    sum(j, h) += parts(j, h, all) * factor(h, all);
    state(j, h) = undef<float>();
    state(columns, h) = sum(columns, h);
    state(size, h) = maximum(h);
  }

  void schedule() {
    const int size = headSize, heads = group;
    const int lanes = vectorLanes(size, get_target());
    const int stride = size + kStateExtra;
    constrainMatrix(state, stride, stride);
    state.dim(1).set_extent(heads);
    parts.dim(0).set_bounds(0, stride);
    parts.dim(1).set_bounds(0, heads).set_stride(stride);
    parts.dim(2).set_min(0);
    maximum.compute_at(state, h).store_in(MemoryType::Stack);
    factor.compute_at(state, h).store_in(MemoryType::Stack);
    factor.bound_extent(p, parts.dim(2).extent()).bound_storage(p, kMaxParts);
    sum.compute_at(state, h).store_in(MemoryType::Stack);
    sum.bound_extent(j, size + 2);
    sum.vectorize(j, lanes, TailStrategy::GuardWithIf);
    sum.update().reorder(j, all).vectorize(j, lanes, TailStrategy::GuardWithIf);
    state.update(0).unscheduled();
    state.update(1).unscheduled();
  }
};

} // namespace picollm::attention

HALIDE_REGISTER_GENERATOR(picollm::attention::Pack, pack)
HALIDE_REGISTER_GENERATOR(picollm::attention::Finish, finish)
HALIDE_REGISTER_GENERATOR(picollm::attention::Merge, merge)
