//===- ModelLevel.cpp - evaluation of picollm ops -------------------------===//

#include "OpAttributes.h"
#include "picollm/Reference/Evaluation.h"
#include <numeric>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

static Error store(Expected<Matrix> result, mlir::Value value,
                   Evaluation &evaluation) {
  if (!result)
    return result.takeError();
  evaluation.values[value] = std::move(*result);
  return Error::success();
}

static Error evaluate(model::EmbeddingOp op, Evaluation &e) {
  Expected<Matrix> rows = e.weights.embedding(
      op.getWeight(), e.get<std::vector<int32_t>>(op.getTokens()));
  if (rows && op.getScale())
    *rows = scaled(std::move(*rows), op.getScale()->convertToDouble());
  return store(std::move(rows), op.getResult(), e);
}

static Error evaluate(model::RMSNormOp op, Evaluation &e) {
  Expected<std::shared_ptr<const Matrix>> weight =
      e.weights.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  return store(rmsNorm(e.matrix(op.getInput()), (*weight)->data,
                       op.getEpsilon().convertToDouble()),
               op.getResult(), e);
}

/// Linear and logits: the same product.
template <typename Op> static Error evaluateProduct(Op op, Evaluation &e) {
  const Matrix &input = e.matrix(op.getInput());
  if (e.hook)
    e.hook(op, input);
  return store(e.weights.linear(input, op.getWeight()), op.getResult(), e);
}

static Error evaluate(model::LinearOp op, Evaluation &e) {
  return evaluateProduct(op, e);
}

static Error evaluate(model::LogitsOp op, Evaluation &e) {
  return evaluateProduct(op, e);
}

static Error evaluate(model::RotaryOp op, Evaluation &e) {
  model::RotationAttr rotation = op.getRotation();
  return store(rotary(e.matrix(op.getInput()),
                      e.get<std::vector<int32_t>>(op.getPositions()),
                      rotation.getFrequencies().asArrayRef(),
                      rotation.getScale().getValueAsDouble(), op.getHeads()),
               op.getResult(), e);
}

Matrix picollm::attendSpans(const Matrix &query, const Matrix &key,
                            const Matrix &value, int64_t layer,
                            const AttentionHeads &shape,
                            llvm::ArrayRef<Span> spans, bool mayRound) {
  Matrix result(query.rows, query.columns);
  std::vector<LayerCache> ownCaches(spans.size());
  std::vector<AttentionSpan> attentionSpans;
  int64_t row = 0;
  for (auto [span, ownCache] : llvm::zip(spans, ownCaches)) {
    LayerCache *cache = &ownCache;
    if (span.sequence) {
      if (int64_t(span.sequence->layers.size()) <= layer)
        span.sequence->layers.resize(layer + 1);
      cache = &span.sequence->layers[layer];
      cache->half = span.sequence->halfCache;
      cache->truncate(span.position); // of a run that failed
    }
    cache->half &= mayRound;
    cache->append(key.row(row), value.row(row), span.rows, key.columns);
    attentionSpans.push_back(
        {query.row(row), span.rows, span.position, cache, result.row(row)});
    row += span.rows;
  }
  attend(attentionSpans, shape);
  return result;
}

static Error evaluate(model::AttentionOp op, Evaluation &e) {
  return store(attendSpans(e.matrix(op.getQuery()), e.matrix(op.getKey()),
                           e.matrix(op.getValue()), op.getLayer(), headsOf(op),
                           e.spans),
               op.getResult(), e);
}

static Error evaluate(model::GatedOp op, Evaluation &e) {
  return store(gated(gateOf(op), e.matrix(op.getGate()), e.matrix(op.getUp())),
               op.getResult(), e);
}

static Error evaluate(model::AddOp op, Evaluation &e) {
  return store(add(e.matrix(op.getLhs()), e.matrix(op.getRhs())),
               op.getResult(), e);
}

Matrix picollm::wantedRows(const Matrix &x, llvm::ArrayRef<Span> spans) {
  int64_t rows = 0;
  for (const Span &span : spans)
    rows += span.rows - span.firstWanted;
  Matrix result(rows, x.columns);
  int64_t from = 0, to = 0;
  for (const Span &span : spans) {
    int64_t count = span.rows - span.firstWanted;
    std::copy_n(x.row(from + span.firstWanted), count * x.columns,
                result.row(to));
    from += span.rows;
    to += count;
  }
  return result;
}

llvm::SmallVector<int64_t> picollm::rowCounts(int64_t rows,
                                              llvm::ArrayRef<Span> spans) {
  llvm::SmallVector<int64_t> all, wanted;
  for (const Span &span : spans) {
    all.push_back(span.rows);
    wanted.push_back(span.rows - span.firstWanted);
  }
  return std::accumulate(all.begin(), all.end(), int64_t(0)) == rows ? all
                                                                     : wanted;
}

static Error evaluate(model::WantedOp op, Evaluation &e) {
  return store(wantedRows(e.matrix(op.getInput()), e.spans), op.getResult(), e);
}

template <typename Op> static void enter(EvaluationTable &table) {
  table[Op::getOperationName()] = [](mlir::Operation *op, Evaluation &e) {
    return evaluate(llvm::cast<Op>(op), e);
  };
}

void picollm::addModelLevel(EvaluationTable &table) {
  enter<model::EmbeddingOp>(table);
  enter<model::RMSNormOp>(table);
  enter<model::LinearOp>(table);
  enter<model::RotaryOp>(table);
  enter<model::AttentionOp>(table);
  enter<model::GatedOp>(table);
  enter<model::AddOp>(table);
  enter<model::WantedOp>(table);
  enter<model::LogitsOp>(table);
}
