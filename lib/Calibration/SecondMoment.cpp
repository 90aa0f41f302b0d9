//===- SecondMoment.cpp - H = E[x x^T] of a layer's input -----------------===//

#include "picollm/Calibration/SecondMoment.h"
#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cassert>

using namespace picollm;

// Rows and columns of one tile. Constant, so that sums never depend on -j.
static constexpr int64_t tile = 192;

void SecondMoment::add(const Matrix &x) {
  assert(x.columns == columns && "another activation");
  std::vector<std::pair<int64_t, int64_t>> tiles; // of the lower triangle
  for (int64_t i = 0; i < columns; i += tile)
    for (int64_t j = 0; j <= i; j += tile)
      tiles.push_back({i, j});
  parallelFor(tiles.size(), [&](int64_t index) {
    auto [i, j] = tiles[index];
    multiply(std::min(tile, columns - i), std::min(tile, columns - j), x.rows,
             1, {x.data.data() + i, columns, /*transposed=*/true},
             {x.data.data() + j, columns}, 1, values.data() + i * columns + j,
             columns);
  });
  tokens += x.rows;
}

void CrossMoment::add(const Matrix &a, const Matrix &b) {
  assert(a.columns == rows && b.columns == columns && a.rows == b.rows);
  parallelForTiles(rows, tile, [&](int64_t i, int64_t size) {
    multiply(size, columns, a.rows, 1,
             {a.data.data() + i, rows, /*transposed=*/true},
             {b.data.data(), columns}, 1, values.data() + i * columns, columns);
  });
  tokens += a.rows;
}

/// Of the sums and their numbers of tokens.
template <typename Moment>
static Moment &addMoment(Moment &sum, const Moment &other) {
  assert(sum.values.size() == other.values.size() && "another activation");
  for (size_t i = 0; i < sum.values.size(); ++i)
    sum.values[i] += other.values[i];
  sum.tokens += other.tokens;
  return sum;
}

SecondMoment &SecondMoment::operator+=(const SecondMoment &other) {
  return addMoment(*this, other);
}

CrossMoment &CrossMoment::operator+=(const CrossMoment &other) {
  return addMoment(*this, other);
}

void CrossMoment::finish() {
  for (float &value : values)
    value *= tokens ? 1.0f / tokens : 0.0f;
}

void SecondMoment::finish() {
  float scale = tokens ? 1.0f / tokens : 0.0f;
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j <= i; ++j)
      values[j * columns + i] = values[i * columns + j] *= scale;
}
