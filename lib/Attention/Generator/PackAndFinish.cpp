//===- PackAndFinish.cpp - the first and the last step of a block ---------===//

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

} // namespace picollm::attention

HALIDE_REGISTER_GENERATOR(picollm::attention::Pack, pack)
HALIDE_REGISTER_GENERATOR(picollm::attention::Finish, finish)
