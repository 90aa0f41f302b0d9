//===- Distillation.cpp - how far a model is from its float one -----------===//

#include "picollm/Calibration/Distillation.h"
#include "Products.h"
#include "Spill.h"
#include "picollm/Reference/Softmax.h"
#include "picollm/Support/Parallel.h"
#include <algorithm>
#include <numeric>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {

/// The teacher's way to its head.
class TeacherPass : public BackpropagationVisitor {
public:
  explicit TeacherPass(ReferenceModel &teacher) : teacher(teacher) {}

private:
  Error leavePart(OpRange ops) override {
    releaseWeights(teacher, ops);
    return Error::success();
  }
  Error differentiateLoss(size_t, int64_t, Matrix &) override {
    return Error::success();
  }
  void visitProduct(mlir::Operation *, Evaluation &, const Matrix &,
                    const Matrix &) override {}

  ReferenceModel &teacher;
};

} // namespace

Distillation::Distillation(ReferenceModel &teacher, Backpropagation pass,
                           CalibrationSet set)
    : teacher(teacher), pass(std::move(pass)), set(std::move(set)),
      heads((this->set.size() + batch - 1) / batch) {}

Distillation::~Distillation() = default;

Expected<std::unique_ptr<Distillation>>
Distillation::create(ReferenceModel &teacher, const CalibrationSet &all) {
  CalibrationSet set = all.counting();
  if (set.size() == 0)
    return llvm::createStringError(
        "no prediction in the texts of tuning counts; give texts, or items "
        "with answers");
  for (const std::vector<int32_t> &text : set.texts)
    if (Error error = teacher.checkTokens(text))
      return std::move(error);
  Expected<Backpropagation> pass = Backpropagation::create(teacher);
  if (!pass)
    return pass.takeError();
  return std::unique_ptr<Distillation>(
      new Distillation(teacher, std::move(*pass), std::move(set)));
}

Error Distillation::beginBatch(size_t index) {
  if (heads[index])
    return heads[index]->rewind();
  auto begin = set.texts.begin() + index * batch;
  auto end = set.texts.begin() + std::min((index + 1) * batch, set.size());
  TeacherPass visitor(teacher);
  auto head = pass.runToHead(TokenSequences(begin, end), visitor);
  if (!head)
    return head.takeError();
  heads[index] = std::move(*head);
  return Error::success();
}

Error Distillation::skipTo(size_t position) {
  next = position / batch * batch;
  while (next < std::min(position, set.size())) {
    Expected<Matrix> input = nextInput();
    if (!input)
      return input.takeError();
    ++next;
  }
  return Error::success();
}

/// Of the text `next`.
Expected<Matrix> Distillation::nextInput() {
  if (next % batch == 0)
    if (Error error = beginBatch(next / batch))
      return std::move(error);
  Span span;
  span.rows = set.texts[next].size();
  Evaluation evaluation = pass.start(span);
  if (Error error =
          heads[next / batch]->read(pass.headInput(), span.rows, evaluation))
    return std::move(error);
  return std::move(evaluation.matrix(pass.headInput()));
}

/// The text behind those of the step that begins with `first`.
static size_t endOfStep(const CalibrationSet &set, size_t first) {
  size_t end = first;
  int64_t tokens = 0;
  do
    tokens += set.texts[end++].size();
  while (end < set.size() && set.hasPrompt(first) && set.hasPrompt(end) &&
         tokens + int64_t(set.texts[end].size()) <= calibrationTokens);
  return end;
}

int64_t Distillation::stepsOfRound(const CalibrationSet &all) {
  const CalibrationSet set = all.counting();
  int64_t steps = 0;
  for (size_t text = 0; text < set.size(); text = endOfStep(set, text))
    ++steps;
  return steps;
}

Expected<TokenSequences> Distillation::nextTexts() {
  if (next == set.size())
    next = 0;
  first = next;
  counted = 0;
  sum = 0;
  inputs.clear();
  TokenSequences texts;
  for (const size_t end = endOfStep(set, first); next < end;) {
    Expected<Matrix> input = nextInput();
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
    texts.push_back(set.texts[next]);
    counted += set.counted(next++).count();
  }
  return texts;
}

Error Distillation::differentiate(size_t text, int64_t firstRow,
                                  Matrix &logits) {
  const Matrix &input = inputs[text];
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
  const float share = 1.0f / float(counted);
  const CalibrationSet::Rows rows = set.counted(first + text);
  parallelFor(logits.rows, [&](int64_t t) {
    float *p = target.row(t), *q = logits.row(t);
    if (!rows.contains(firstRow + t)) {
      std::fill_n(q, logits.columns, 0.0f);
      return;
    }
    logSoftmax(p, logits.columns);
    logSoftmax(q, logits.columns);
    std::vector<float> logRatios(logits.columns);
    for (int64_t i = 0; i < logits.columns; ++i)
      logRatios[i] = p[i] - q[i];
    exponentials(p, logits.columns);
    exponentials(q, logits.columns);
    for (int64_t i = 0; i < logits.columns; ++i) {
      divergences[t] += double(p[i]) * logRatios[i];
      q[i] = (q[i] - p[i]) * share;
    }
  });
  for (double divergence : divergences)
    sum += divergence * share;
  return Error::success();
}
