//===- FilteredRounding.cpp - codes whose signs are filtered --------------===//
//
// A level depends on the codes of its row and of some rows above, so the codes
// of a tile are chosen together. After each row, all that later rows see of the
// earlier ones is a state: the codes of the last `depth` rows. For every state
// the cheapest codes that lead there are kept (Viterbi 1967).
//
//===----------------------------------------------------------------------===//

#include "FilteredRounding.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Support/Clones.h"
#include <algorithm>
#include <array>

using namespace picollm;

namespace {

/// States are numbers whose digits are the codes, the latest one last.
template <int64_t bits> struct Trellis {
  static constexpr int64_t depth = filterDepth(bits, false);
  static constexpr int32_t codeCount = 1 << bits;
  static constexpr int32_t stateCount = 1 << (bits * depth);
  static constexpr int32_t latestMask = codeCount - 1;

  using Costs = std::array<float, stateCount>;
  /// For each state the code that it no longer has and the one before had.
  using Choices = std::array<int32_t, stateCount>;

  /// [rows above the level][code that the state no longer has][state]
  std::array<std::array<Costs, codeCount>, depth + 1> levels;

  constexpr Trellis() : levels() {
    for (int64_t above = 0; above <= depth; ++above)
      for (int32_t oldest = 0; oldest < codeCount; ++oldest)
        for (int32_t state = 0; state < stateCount; ++state)
          levels[above][oldest][state] = float(level(above, oldest, state));
  }

  static constexpr int32_t level(int64_t rowsAbove, int32_t oldest,
                                 int32_t state) {
    int32_t sum = 0, codes = withOldest(oldest, state);
    for (int64_t above = 0; above <= rowsAbove; ++above, codes >>= bits)
      sum += levelPart(bits, codes & latestMask, above, false);
    return sum;
  }

  static constexpr int32_t withOldest(int32_t oldest, int32_t state) {
    return oldest << (bits * depth) | state;
  }
  /// The state before this one.
  static constexpr int32_t before(int32_t oldest, int32_t state) {
    return withOldest(oldest, state) >> bits;
  }
};

} // namespace

static constexpr float unreachable = 1e30f;

/// Costs of the states after `n` rows of a tile, and how each was reached, in
/// `decisions` [row], if `decides`: choosing takes longer than adding up.
template <int64_t bits, bool decides>
[[gnu::always_inline]] static inline typename Trellis<bits>::Costs
runTrellis(const Trellis<bits> &trellis, const float *x, const float *w,
           int64_t n, float inverse,
           typename Trellis<bits>::Choices *decisions) {
  using T = Trellis<bits>;
  typename T::Costs costs, least;
  typename T::Choices choices;
  costs.fill(unreachable);
  costs[0] = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto &levels = trellis.levels[std::min(i, T::depth)];
    const float at = x[i] * inverse, weight = w[i];
    least.fill(2 * unreachable);
    choices.fill(0); // of costs that are not finite too
    for (int32_t oldest = 0; oldest < T::codeCount; ++oldest)
      for (int32_t state = 0; state < T::stateCount; ++state) {
        const float error = at - levels[oldest][state];
        const float cost =
            costs[T::before(oldest, state)] + error * error * weight;
        if (decides)
          choices[state] = cost < least[state] ? oldest : choices[state];
        least[state] = cost < least[state] ? cost : least[state];
      }
    costs = least;
    if (decides)
      decisions[i] = choices;
  }
  return costs;
}

template <int64_t bits>
[[gnu::always_inline]] static inline float
roundTiles(const Trellis<bits> &trellis, const float *x, const float *w,
           int64_t n, float s, uint16_t *codes, float *values) {
  using T = Trellis<bits>;
  std::array<typename T::Choices, tileRows> decisions;
  const float inverse = 1.0f / s;
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += tileRows) {
    const int64_t count = std::min(tileRows, n - begin);
    const typename T::Costs costs =
        codes ? runTrellis<bits, true>(trellis, x + begin, w + begin, count,
                                       inverse, decisions.data())
              : runTrellis<bits, false>(trellis, x + begin, w + begin, count,
                                        inverse, nullptr);
    int32_t state =
        std::min_element(costs.begin(), costs.end()) - costs.begin();
    sum += costs[state];
    for (int64_t i = count - 1; codes && i >= 0; --i) {
      const int32_t oldest = decisions[i][state];
      codes[begin + i] = state & T::latestMask;
      values[begin + i] =
          s * trellis.levels[std::min(i, T::depth)][oldest][state];
      state = T::before(oldest, state);
    }
  }
  return float(sum) * s * s;
}

static constexpr Trellis<2> trellis2;
static constexpr Trellis<3> trellis3;
static constexpr Trellis<4> trellis4;

PICOLLM_CLONES
static float round2(const float *x, const float *w, int64_t n, float s,
                    uint16_t *codes, float *values) {
  return roundTiles(trellis2, x, w, n, s, codes, values);
}
PICOLLM_CLONES
static float round3(const float *x, const float *w, int64_t n, float s,
                    uint16_t *codes, float *values) {
  return roundTiles(trellis3, x, w, n, s, codes, values);
}
PICOLLM_CLONES
static float round4(const float *x, const float *w, int64_t n, float s,
                    uint16_t *codes, float *values) {
  return roundTiles(trellis4, x, w, n, s, codes, values);
}

float picollm::roundFiltered(const float *x, const float *w, int64_t n, float s,
                             int64_t bits, uint16_t *codes, float *values) {
  switch (bits) {
  case 2:
    return round2(x, w, n, s, codes, values);
  case 3:
    return round3(x, w, n, s, codes, values);
  default:
    return round4(x, w, n, s, codes, values);
  }
}
