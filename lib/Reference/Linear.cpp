//===- Linear.cpp - products with weights ---------------------------------===//

#include "picollm/Reference/MatrixProduct.h"
#include "picollm/Reference/Ops.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>

using namespace picollm;

// Tokens of one tile. Constants, so that sums never depend on the threads.
static constexpr int64_t tokenTile = 256;
// Columns of one tile that goes back through a weight.
static constexpr int64_t columnTile = 192;

static int64_t tilesOf(int64_t size, int64_t tile) {
  return (size + tile - 1) / tile;
}

/// y[first .. first + count) of tokens, outputs [row, row + rows).
static void linearTile(const Matrix &x, int64_t first, const float *weight,
                       int64_t row, int64_t rows, Matrix &y) {
  int64_t count = std::min(tokenTile, x.rows - first);
  multiply(count, rows, x.columns, 1, {x.row(first), x.columns},
           {weight, x.columns, /*transposed=*/true}, 0, y.row(first) + row,
           y.columns);
}

Matrix picollm::linear(const Matrix &x, const Matrix &weight) {
  Matrix y(x.rows, weight.rows);
  int64_t tokenTiles = tilesOf(x.rows, tokenTile);
  int64_t rowTiles = tilesOf(weight.rows, linearTileRows);
  parallelFor(tokenTiles * rowTiles, [&](int64_t i) {
    int64_t row = i / tokenTiles * linearTileRows;
    linearTile(x, i % tokenTiles * tokenTile, weight.row(row), row,
               std::min(linearTileRows, weight.rows - row), y);
  });
  return y;
}

llvm::Expected<Matrix> picollm::linear(const Matrix &x, int64_t rows,
                                       WeightRows weight) {
  Matrix y(x.rows, rows);
  auto multiplyTile = [&](int64_t row, int64_t count) -> llvm::Error {
    std::vector<float> scratch(count * x.columns);
    llvm::Expected<const float *> tile = weight(row, count, scratch.data());
    if (!tile)
      return tile.takeError();
    for (int64_t first = 0; first < x.rows; first += tokenTile)
      linearTile(x, first, *tile, row, count, y);
    return llvm::Error::success();
  };
  if (llvm::Error error =
          tryParallelForTiles(rows, linearTileRows, multiplyTile))
    return std::move(error);
  return y;
}

Matrix picollm::linearInputVjp(const Matrix &weight, const Matrix &d) {
  Matrix input(d.rows, weight.columns); // d W
  const int64_t tokenTiles = tilesOf(d.rows, tokenTile);
  parallelFor(tokenTiles * tilesOf(weight.columns, columnTile), [&](int64_t i) {
    const int64_t first = i % tokenTiles * tokenTile,
                  column = i / tokenTiles * columnTile;
    multiply(std::min(tokenTile, d.rows - first),
             std::min(columnTile, weight.columns - column), weight.rows, 1,
             {d.row(first), d.columns},
             {weight.row(0) + column, weight.columns}, 0,
             input.row(first) + column, weight.columns);
  });
  return input;
}

Matrix picollm::linearWeightVjp(const Matrix &x, const Matrix &d) {
  Matrix weight(d.columns, x.columns); // d^T x
  parallelFor(tilesOf(d.columns, linearTileRows), [&](int64_t i) {
    int64_t row = i * linearTileRows;
    multiply(std::min(linearTileRows, d.columns - row), x.columns, x.rows, 1,
             {d.row(0) + row, d.columns, /*transposed=*/true},
             {x.row(0), x.columns}, 0, weight.row(row), x.columns);
  });
  return weight;
}
