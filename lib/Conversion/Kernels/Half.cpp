//===- Half.cpp - width 16: f16 times f32 ---------------------------------===//

#include "../ISA.h"
#include "Dot.h"

using namespace picollm;

/// Columns whose code is laid out one after the other.
static constexpr int64_t unroll = 4;

void picollm::emitHalf(KernelBuilder &k, int64_t tokens,
                       const DotArguments &a) {
  const InstructionHooks &hooks = hooksOf(k.isa);
  Type floats = k.vec(8, k.f32);
  // Groups of 8 rows in registers at once: with four tokens, two.
  int64_t groups = tokens == 1 ? 4 : 2;
  for (int64_t first = 0; first < 4; first += groups) {
    auto rowSums = [&](int64_t t, int64_t g) {
      return k.at(a.rowSums, 128 * t + 32 * (first + g));
    };
    Values sums;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t g = 0; g < groups; ++g)
        sums.push_back(k.load(floats, rowSums(t, g), 32));
    sums = k.unrolledLoop(
        k.index(0), a.columns, 1, unroll, sums,
        [&](Value column, mlir::ValueRange current) {
          Values next(current), weights;
          Value base = k.at(a.weights, k.mul(column, k.index(64)));
          k.prefetch(base, 64);
          for (int64_t g = 0; g < groups; ++g)
            weights.push_back(hooks.extendHalf(
                k, k.load(k.vec(8, k.i16), k.at(base, 16 * (first + g)), 16)));
          Value values = k.at(a.values, k.mul(column, k.index(4)));
          for (int64_t t = 0; t < tokens; ++t) {
            if (t)
              values = k.at(values, a.stride);
            Value x = k.splat(k.load(k.f32, values, 4), 8);
            for (int64_t g = 0; g < groups; ++g)
              next[t * groups + g] =
                  k.fadd(next[t * groups + g], k.fmul(weights[g], x));
          }
          return next;
        });
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t g = 0; g < groups; ++g)
        k.store(sums[t * groups + g], rowSums(t, g), 32);
  }
}
