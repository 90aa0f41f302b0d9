//===- Distillation.cpp - how far a model is from its float one -----------===//

#include "picollm/Calibration/Distillation.h"
#include "Products.h"
#include "Spill.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {

/// The teacher's way to its head.
class TeacherPass : public BackpropagationVisitor {
public:
  TeacherPass(ReferenceModel &teacher, int64_t parts)
      : teacher(teacher), progress("teacher", parts, "parts") {}

private:
  Error leavePart(OpRange ops) override {
    releaseWeights(teacher, ops);
    progress.update(++done);
    return Error::success();
  }
  Error differentiateLoss(size_t, int64_t, Matrix &) override {
    return Error::success();
  }
  void visitProduct(mlir::Operation *, Evaluation &, const Matrix &,
                    const Matrix &) override {}

  ReferenceModel &teacher;
  Progress progress;
  int64_t done = 0;
};

} // namespace

Distillation::Distillation(ReferenceModel &teacher, Backpropagation pass,
                           TokenSequences texts)
    : teacher(teacher), pass(std::move(pass)), texts(std::move(texts)) {}

Distillation::~Distillation() = default;

Expected<std::unique_ptr<Distillation>>
Distillation::create(ReferenceModel &teacher, TokenSequences texts) {
  for (const std::vector<int32_t> &text : texts)
    if (Error error = teacher.checkTokens(text))
      return std::move(error);
  Expected<Backpropagation> pass = Backpropagation::create(teacher);
  if (!pass)
    return pass.takeError();
  std::unique_ptr<Distillation> result(
      new Distillation(teacher, std::move(*pass), std::move(texts)));
  TeacherPass visitor(teacher, result->pass.parts());
  auto heads = result->pass.runToHead(result->texts, visitor);
  if (!heads)
    return heads.takeError();
  result->heads = std::move(*heads);
  return result;
}

Expected<llvm::ArrayRef<int32_t>> Distillation::nextText() {
  if (next == texts.size()) {
    next = 0;
    if (Error error = heads->rewind())
      return std::move(error);
  }
  const std::vector<int32_t> &text = texts[next++];
  Span span;
  span.rows = rows = text.size();
  Evaluation evaluation = pass.start(span);
  if (Error error = heads->read(pass.headInput(), rows, evaluation))
    return std::move(error);
  input = std::move(evaluation.matrix(pass.headInput()));
  sum = 0;
  return text;
}

/// In place: log of the softmax.
static void logSoftmax(float *row, int64_t count) {
  float top = *std::max_element(row, row + count);
  double total = 0;
  for (int64_t i = 0; i < count; ++i)
    total += std::exp(row[i] - top);
  const float shift = top + float(std::log(total));
  for (int64_t i = 0; i < count; ++i)
    row[i] -= shift;
}

Error Distillation::differentiate(int64_t firstRow, Matrix &logits) {
  Span span;
  span.rows = logits.rows;
  span.position = firstRow;
  Evaluation evaluation = pass.start(span);
  Matrix tile(logits.rows, input.columns);
  std::copy_n(input.row(firstRow), tile.data.size(), tile.row(0));
  evaluation.values[pass.headInput()] = std::move(tile);
  if (Error error = pass.evaluateHead(evaluation))
    return error;
  Matrix &target = evaluation.matrix(teacher.operations().back()->getResult(0));
  std::vector<double> divergences(logits.rows);
  const float share = 1.0f / float(rows);
  parallelFor(logits.rows, [&](int64_t t) {
    float *p = target.row(t), *q = logits.row(t);
    logSoftmax(p, logits.columns);
    logSoftmax(q, logits.columns);
    for (int64_t i = 0; i < logits.columns; ++i) {
      const float probability = std::exp(p[i]);
      divergences[t] += double(probability) * (p[i] - q[i]);
      q[i] = (std::exp(q[i]) - probability) * share;
    }
  });
  for (double divergence : divergences)
    sum += divergence * share;
  return Error::success();
}
