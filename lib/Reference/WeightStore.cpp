//===- WeightStore.cpp - the weights of a model, decoded as needed --------===//

#include "picollm/Reference/WeightStore.h"
#include "picollm/Reference/Ops.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>

using namespace picollm;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

static int64_t bytesOf(const WeightSource &source) {
  return source.rows * source.columns * int64_t(sizeof(float));
}

void WeightStore::add(WeightSource source) {
  std::string name = source.name;
  entries[name].source = std::move(source);
}

const WeightSource *WeightStore::find(StringRef name) const {
  auto it = entries.find(name);
  return it == entries.end() ? nullptr : &it->second.source;
}

Expected<WeightStore::Entry *> WeightStore::entry(StringRef name) {
  auto it = entries.find(name);
  if (it == entries.end())
    return llvm::createStringError("weight '" + name + "' does not exist");
  return &it->second;
}

Expected<std::shared_ptr<const Matrix>>
WeightStore::decode(const Entry &entry) {
  const WeightSource &source = entry.source;
  auto matrix = std::make_shared<Matrix>(source.rows, source.columns);
  if (Error error = tryParallelForTiles(
          source.rows, linearTileRows, [&](int64_t row, int64_t count) {
            return reader.readRows(source, row, count, matrix->row(row));
          }))
    return std::move(error);
  return matrix;
}

Expected<std::shared_ptr<const Matrix>> WeightStore::resident(Entry &entry) {
  if (entry.replacement)
    return entry.replacement;
  if (!entry.decoded && used + bytesOf(entry.source) <= budget) {
    Expected<std::shared_ptr<const Matrix>> matrix = decode(entry);
    if (!matrix)
      return matrix.takeError();
    entry.decoded = std::move(*matrix);
    used += bytesOf(entry.source);
  }
  return entry.decoded;
}

Expected<std::shared_ptr<const Matrix>> WeightStore::get(StringRef name) {
  Expected<Entry *> found = entry(name);
  if (!found)
    return found.takeError();
  Expected<std::shared_ptr<const Matrix>> matrix = resident(**found);
  if (!matrix || *matrix)
    return matrix;
  return decode(**found);
}

Expected<Matrix> WeightStore::linear(const Matrix &x, StringRef name) {
  Expected<Entry *> found = entry(name);
  if (!found)
    return found.takeError();
  Expected<std::shared_ptr<const Matrix>> matrix = resident(**found);
  if (!matrix)
    return matrix.takeError();
  if (*matrix)
    return picollm::linear(x, **matrix);
  const WeightSource &source = (*found)->source;
  auto rows = [&](int64_t row, int64_t count,
                  float *scratch) -> Expected<const float *> {
    if (Error error = reader.readRows(source, row, count, scratch))
      return std::move(error);
    return scratch;
  };
  return picollm::linear(x, source.rows, rows);
}

Expected<Matrix> WeightStore::embedding(StringRef name,
                                        llvm::ArrayRef<int32_t> tokens) {
  Expected<Entry *> found = entry(name);
  if (!found)
    return found.takeError();
  Entry &weight = **found;
  if (weight.replacement)
    return picollm::embedding(*weight.replacement, tokens);
  if (weight.decoded)
    return picollm::embedding(*weight.decoded, tokens);
  // A few rows do not make the whole table worth decoding.
  Matrix result(tokens.size(), weight.source.columns);
  for (size_t t = 0; t < tokens.size(); ++t)
    if (Error error =
            reader.readRows(weight.source, tokens[t], 1, result.row(t)))
      return std::move(error);
  return result;
}

Error WeightStore::replace(StringRef name, std::vector<float> values) {
  Expected<Entry *> found = entry(name);
  if (!found)
    return found.takeError();
  const WeightSource &source = (*found)->source;
  if (int64_t(values.size()) != source.rows * source.columns)
    return llvm::createStringError(
        "replacement of weight '" + name + "' must have " +
        llvm::Twine(source.rows) + " x " + llvm::Twine(source.columns) +
        " floats but has " + llvm::Twine(values.size()));
  auto matrix = std::make_shared<Matrix>();
  matrix->rows = source.rows;
  matrix->columns = source.columns;
  matrix->data = std::move(values);
  (*found)->replacement = std::move(matrix);
  return Error::success();
}

void WeightStore::restore(StringRef name) {
  auto it = entries.find(name);
  if (it != entries.end())
    it->second.replacement.reset();
}

void WeightStore::release(StringRef name) {
  auto it = entries.find(name);
  if (it == entries.end() || !it->second.decoded)
    return;
  it->second.decoded.reset();
  used -= bytesOf(it->second.source);
}
