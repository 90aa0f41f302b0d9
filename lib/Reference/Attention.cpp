//===- Attention.cpp - causal grouped-query attention ---------------------===//

#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Reference/Ops.h"
#include "picollm/Reference/Softmax.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace picollm;

// Queries of one tile: its scores are queryTile x positions floats.
static constexpr int64_t queryTile = 128;

float picollm::roundToHalf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN
    return x;
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24, as floats are in [0.5, 1).
    float rounded = (std::fabs(x) + 0.5f) - 0.5f;
    return std::copysign(rounded, x);
  }
  magnitude += 0x0fff + ((magnitude >> 13) & 1); // to even at bit 13
  magnitude &= 0xffffe000;
  if (magnitude >= 0x47800000) // 65536
    return std::copysign(std::numeric_limits<float>::infinity(), x);
  bits = (bits & 0x80000000) | magnitude;
  std::memcpy(&x, &bits, 4);
  return x;
}

void LayerCache::truncate(int64_t count) {
  for (Matrix *m : {&keys, &values}) {
    m->rows = std::min(m->rows, count);
    m->data.resize(m->rows * m->columns);
  }
}

void LayerCache::append(const float *key, const float *value, int64_t count,
                        int64_t columns) {
  auto appendTo = [&](Matrix &matrix, const float *rows) {
    matrix.columns = columns;
    matrix.data.resize((matrix.rows + count) * columns);
    std::transform(rows, rows + count * columns, matrix.row(matrix.rows),
                   [&](float x) { return half ? roundToHalf(x) : x; });
    matrix.rows += count;
  };
  appendTo(keys, key);
  appendTo(values, value);
}

/// Probabilities of `count` queries of one head, the first at `position`:
/// count x width, width = position + count.
static void probabilities(const float *query, int64_t queryStride,
                          int64_t count, int64_t position, const float *key,
                          int64_t keyStride, const AttentionHeads &shape,
                          float *scores) {
  int64_t width = position + count;
  multiply(count, width, shape.headSize, shape.scale, {query, queryStride},
           {key, keyStride, /*transposed=*/true}, 0, scores, width);
  for (int64_t i = 0; i < count; ++i) {
    int64_t end = position + i + 1;
    int64_t begin = shape.window ? std::max<int64_t>(0, end - shape.window) : 0;
    float *row = scores + i * width;
    softmax(row + begin, end - begin);
    std::fill(row, row + begin, 0.0f);
    std::fill(row + end, row + width, 0.0f);
  }
}

static void attendTile(const AttentionSpan &span, const AttentionHeads &shape,
                       int64_t head, int64_t first) {
  int64_t count = std::min(queryTile, span.rows - first);
  int64_t position = span.position + first, width = position + count;
  int64_t stride = shape.heads * shape.headSize;
  int64_t kvStride = shape.kvHeads * shape.headSize;
  int64_t kvOffset = head / (shape.heads / shape.kvHeads) * shape.headSize;
  int64_t offset = first * stride + head * shape.headSize;
  std::vector<float> scores(count * width);
  probabilities(span.query + offset, stride, count, position,
                span.cache->keys.row(0) + kvOffset, kvStride, shape,
                scores.data());
  multiply(count, shape.headSize, width, 1, {scores.data(), width},
           {span.cache->values.row(0) + kvOffset, kvStride}, 0,
           span.result + offset, stride);
}

void picollm::attend(llvm::ArrayRef<AttentionSpan> spans,
                     const AttentionHeads &shape) {
  struct Tile {
    const AttentionSpan *span;
    int64_t head, first;
  };
  std::vector<Tile> tiles;
  for (const AttentionSpan &span : spans)
    for (int64_t head = 0; head < shape.heads; ++head)
      for (int64_t first = 0; first < span.rows; first += queryTile)
        tiles.push_back({&span, head, first});
  parallelFor(tiles.size(), [&](int64_t i) {
    attendTile(*tiles[i].span, shape, tiles[i].head, tiles[i].first);
  });
}

Matrix picollm::attention(const Matrix &query, const Matrix &key,
                          const Matrix &value, const AttentionHeads &shape) {
  LayerCache cache;
  cache.append(key.row(0), value.row(0), key.rows, key.columns);
  Matrix result(query.rows, query.columns);
  attend(AttentionSpan{query.row(0), query.rows, 0, &cache, result.row(0)},
         shape);
  return result;
}

/// Gradients of `count` queries of one head, the first at `first`, which see
/// width = first + count positions; P are the probabilities:
/// dV += P^T d, dP = d V^T, dS = P * (dP - rowsum(dP * P)),
/// dQ = scale dS K, dK += scale dS^T Q.
/// In `gradient` keys and values have columns for each query head.
static void attentionTileVjp(const Matrix &query, const LayerCache &cache,
                             const AttentionHeads &shape, int64_t head,
                             int64_t first, const Matrix &d,
                             AttentionGradient &gradient) {
  int64_t size = shape.headSize, stride = query.columns;
  int64_t count = std::min(queryTile, query.rows - first);
  int64_t width = first + count, kvStride = cache.keys.columns;
  int64_t q = head * size, kv = head / (shape.heads / shape.kvHeads) * size;
  const float *key = cache.keys.row(0) + kv;
  const float *value = cache.values.row(0) + kv;
  Matrix p(count, width), dS(count, width);
  probabilities(query.row(first) + q, stride, count, first, key, kvStride,
                shape, p.row(0));
  multiply(width, size, count, 1, {p.row(0), width, true},
           {d.row(first) + q, stride}, 1, gradient.value.row(0) + q, stride);
  multiply(count, width, size, 1, {d.row(first) + q, stride},
           {value, kvStride, true}, 0, dS.row(0), width);
  for (int64_t t = 0; t < count; ++t) {
    double dot = 0;
    for (int64_t s = 0; s < width; ++s)
      dot += double(p.row(t)[s]) * dS.row(t)[s];
    for (int64_t s = 0; s < width; ++s)
      dS.row(t)[s] = p.row(t)[s] * (dS.row(t)[s] - dot);
  }
  multiply(count, size, width, shape.scale, {dS.row(0), width}, {key, kvStride},
           0, gradient.query.row(first) + q, stride);
  multiply(width, size, count, shape.scale, {dS.row(0), width, true},
           {query.row(first) + q, stride}, 1, gradient.key.row(0) + q, stride);
}

/// Sums up the query heads of each KV head.
static Matrix sumOverGroups(const Matrix &ofHeads,
                            const AttentionHeads &shape) {
  const int64_t group = shape.heads / shape.kvHeads, size = shape.headSize;
  Matrix sums(ofHeads.rows, shape.kvHeads * size);
  parallelFor(sums.rows, [&](int64_t t) {
    for (int64_t head = 0; head < shape.heads; ++head)
      for (int64_t j = 0; j < size; ++j)
        sums.row(t)[head / group * size + j] += ofHeads.row(t)[head * size + j];
  });
  return sums;
}

AttentionGradient picollm::attentionVjp(const Matrix &query, const Matrix &key,
                                        const Matrix &value,
                                        const AttentionHeads &shape,
                                        const Matrix &d) {
  LayerCache cache;
  cache.append(key.row(0), value.row(0), key.rows, key.columns);
  const Matrix zeros(query.rows, query.columns);
  AttentionGradient gradient{zeros, zeros, zeros};
  parallelFor(shape.heads, [&](int64_t head) {
    for (int64_t first = 0; first < query.rows; first += queryTile)
      attentionTileVjp(query, cache, shape, head, first, d, gradient);
  });
  gradient.key = sumOverGroups(gradient.key, shape);
  gradient.value = sumOverGroups(gradient.value, shape);
  return gradient;
}
