//===- StepLevel.cpp - evaluation of picollm_step ops ---------------------===//
//
// One thread runs the program, so a barrier is nothing and an op does the work
// of all threads. A buffer holds what was last written into it.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Step/Step.h"
#include "picollm/Reference/Evaluation.h"
#include "picollm/Reference/Layout.h"
#include <cmath>

using namespace picollm;
using llvm::Error;
using llvm::Expected;
using SharedMatrix = std::shared_ptr<const QuantizedMatrix>;

static Error evaluate(step::BufferOp, Evaluation &) { return Error::success(); }
static Error evaluate(step::BarrierOp, Evaluation &) {
  return Error::success();
}

static Error evaluate(step::EmbeddingOp op, Evaluation &e) {
  Expected<SharedMatrix> weight = e.packed.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  Matrix rows =
      packedEmbedding(**weight, e.get<std::vector<int32_t>>(op.getTokens()));
  if (op.getScale())
    rows = scaled(std::move(rows), op.getScale()->convertToDouble());
  e.values[op.getOutput()] = std::move(rows);
  return Error::success();
}

/// x, normalised head by head where the vector `norm` is shorter than its rows.
static Expected<Matrix> normalise(const Matrix &x, llvm::StringRef norm,
                                  llvm::APFloat epsilon, Evaluation &e) {
  Expected<std::shared_ptr<const Matrix>> weight = e.weights.get(norm);
  if (!weight)
    return weight.takeError();
  return rmsNorm(x, (*weight)->data, epsilon.convertToDouble());
}

static Error evaluate(step::AddNormOp op, Evaluation &e) {
  Expected<Matrix> normed =
      normalise(e.matrix(op.getInput()), op.getNorm(), op.getEpsilon(), e);
  if (!normed)
    return normed.takeError();
  Matrix sum = add(e.matrix(op.getOutput()), *normed);
  e.values[op.getOutput()] = std::move(sum);
  return Error::success();
}

static Error evaluate(step::EncodeOp op, Evaluation &e) {
  Expected<SharedMatrix> weight = e.packed.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  Matrix input = e.matrix(op.getInput());
  if (op.getWanted())
    input = wantedRows(input, e.spans);
  if (op.getNorm()) {
    Expected<Matrix> normed =
        normalise(input, *op.getNorm(), *op.getEpsilon(), e);
    if (!normed)
      return normed.takeError();
    input = std::move(*normed);
  }
  e.values[op.getOutput()] =
      encodeRows(**weight, input, rowCounts(input.rows, e.spans));
  return Error::success();
}

static Matrix applyEpilogue(step::Epilogue epilogue, const Matrix &old,
                            const Matrix &y0, const Matrix *y1) {
  switch (epilogue) {
  case step::Epilogue::Store:
    return y0;
  case step::Epilogue::Add:
    return add(old, y0);
  case step::Epilogue::SiLU:
    return gated(Gate::SiLU, y0, *y1);
  case step::Epilogue::GeLUTanh:
    return gated(Gate::GeLUTanh, y0, *y1);
  }
  llvm_unreachable("every epilogue is above");
}

static Error evaluate(step::LinearOp op, Evaluation &e) {
  Expected<std::vector<Matrix>> products = packedProducts(
      op, op.getWeightAttr(), e.get<EncodedRows>(op.getInput()), e.packed);
  if (!products)
    return products.takeError();
  if (op.getEpilogue() == step::Epilogue::Store) {
    for (auto [output, product] : llvm::zip_equal(op.getOutputs(), *products))
      e.values[output] = std::move(product);
    return Error::success();
  }
  mlir::Value output = op.getOutputs()[0];
  Matrix none;
  const Matrix &old =
      op.getEpilogue() == step::Epilogue::Add ? e.matrix(output) : none;
  Matrix result =
      applyEpilogue(op.getEpilogue(), old, products->front(),
                    products->size() > 1 ? &products->back() : nullptr);
  e.values[output] = std::move(result);
  return Error::success();
}

static Error evaluate(step::RotationOp op, Evaluation &e) {
  model::RotationAttr rotation = op.getRotation();
  llvm::ArrayRef<double> frequencies = rotation.getFrequencies().asArrayRef();
  double scale = rotation.getScale().getValueAsDouble();
  int64_t half = frequencies.size(), rows = 0;
  for (const Span &span : e.spans)
    rows += span.rows;
  Matrix angles(rows, 2 * half);
  float *out = angles.data.data();
  for (const Span &span : e.spans)
    for (int64_t t = 0; t < span.rows; ++t, out += 2 * half)
      for (int64_t i = 0; i < half; ++i) {
        double angle = (span.position + t) * frequencies[i];
        out[i] = std::cos(angle) * scale;
        out[half + i] = std::sin(angle) * scale;
      }
  e.values[op.getOutput()] = std::move(angles);
  return Error::success();
}

/// Rotates every head of x by the cosines and sines of its row.
static void rotate(Matrix &x, const Matrix &angles, int64_t heads) {
  int64_t half = angles.columns / 2;
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t h = 0; h < heads; ++h) {
      float *head = x.row(t) + h * 2 * half;
      const float *cosines = angles.row(t), *sines = cosines + half;
      for (int64_t i = 0; i < half; ++i) {
        float a = head[i], b = head[i + half];
        head[i] = a * cosines[i] - b * sines[i];
        head[i + half] = b * cosines[i] + a * sines[i];
      }
    }
}

static void roundToCacheCodes(Matrix &x, int64_t heads) {
  int64_t size = x.columns / heads;
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t h = 0; h < heads; ++h)
      reference::roundToCacheCodes(x.row(t) + h * size, size);
}

static Error evaluate(step::AttentionOp op, Evaluation &e) {
  Matrix query = e.matrix(op.getQuery()), key = e.matrix(op.getKey()),
         value = e.matrix(op.getValue());
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  if (op.getEpsilon()) {
    Expected<Matrix> q =
        normalise(query, *op.getQueryNorm(), *op.getEpsilon(), e);
    if (!q)
      return q.takeError();
    Expected<Matrix> k = normalise(key, *op.getKeyNorm(), *op.getEpsilon(), e);
    if (!k)
      return k.takeError();
    query = std::move(*q);
    key = std::move(*k);
  }
  if (op.getAngles()) {
    rotate(query, e.matrix(op.getAngles()), heads);
    rotate(key, e.matrix(op.getAngles()), kvHeads);
  }
  if (op.cachesCodes())
    for (Matrix *cached : {&key, &value})
      roundToCacheCodes(*cached, kvHeads);
  AttentionHeads shape{heads, kvHeads, query.columns / heads,
                       op.getScale().convertToDouble(),
                       int64_t(op.getWindow().value_or(0))};
  Matrix result = attendSpans(query, key, value, op.getLayer(), shape, e.spans,
                              /*mayRound=*/!op.cachesCodes());
  e.values[op.getOutput()] = std::move(result);
  return Error::success();
}

template <typename Op> static void enter(EvaluationTable &table) {
  table[Op::getOperationName()] = [](mlir::Operation *op, Evaluation &e) {
    return evaluate(llvm::cast<Op>(op), e);
  };
}

void picollm::addStepLevel(EvaluationTable &table) {
  enter<step::BufferOp>(table);
  enter<step::BarrierOp>(table);
  enter<step::EmbeddingOp>(table);
  enter<step::AddNormOp>(table);
  enter<step::EncodeOp>(table);
  enter<step::LinearOp>(table);
  enter<step::RotationOp>(table);
  enter<step::AttentionOp>(table);
}
