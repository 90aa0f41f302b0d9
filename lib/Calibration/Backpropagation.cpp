//===- Backpropagation.cpp - a model backwards, part by part --------------===//

#include "picollm/Calibration/Backpropagation.h"
#include "FiniteActivations.h"
#include "Products.h"
#include "Spill.h"
#include "llvm/ADT/SetVector.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

/// Tokens whose logits are in memory at a time.
static constexpr int64_t logitRows = 128;

Expected<Backpropagation> Backpropagation::create(ReferenceModel &model) {
  Backpropagation pass(model);
  pass.findParts();
  if (pass.allParts.empty() ||
      !llvm::isa<model::LogitsOp>(model.operations().back()))
    return llvm::createStringError(
        "the model has no residual stream that ends in logits, which gradients "
        "need");
  return pass;
}

Backpropagation::Backpropagation(ReferenceModel &model) : model(&model) {}
Backpropagation::Backpropagation(Backpropagation &&) = default;
Backpropagation::~Backpropagation() = default;

/// A part begins where a single activation is all that later ops need, and
/// holds at least one product.
void Backpropagation::findParts() {
  OpRange ops = model->operations();
  llvm::DenseMap<mlir::Value, int64_t> lastUse;
  for (auto [index, op] : llvm::enumerate(ops))
    for (mlir::Value operand : op->getOperands())
      lastUse[operand] = index;
  llvm::SetVector<mlir::Value> alive;
  bool hasProduct = true;
  for (int64_t i = 0; i < int64_t(ops.size()); ++i) {
    alive.remove_if([&](mlir::Value value) { return lastUse[value] < i; });
    if (alive.size() == 1 && hasProduct) {
      if (!allParts.empty())
        allParts.back().end = i;
      allParts.push_back({i, int64_t(ops.size()), alive.front()});
      hasProduct = false;
    }
    alive.insert(ops[i]->getResult(0));
    hasProduct |= !weightOfProduct(ops[i]).empty();
  }
}

Evaluation Backpropagation::start(const Span &span) const {
  Evaluation evaluation = model->startEvaluation(span);
  std::vector<int32_t> positions(span.rows);
  for (int64_t i = 0; i < span.rows; ++i)
    positions[i] = int32_t(span.position + i);
  evaluation.values[model->positionsValue()] = std::move(positions);
  return evaluation;
}

/// For messages.
std::string Backpropagation::describeInput(const Part &part) const {
  for (mlir::Operation *op : opsOf(part))
    if (llvm::StringRef weight = weightOfProduct(op); !weight.empty())
      return ("the activation before '" + weight + "'").str();
  return "an activation";
}

/// Fills inputs[part] from inputs[part - 1], or for the first from the tokens.
Error Backpropagation::forwardTo(size_t index, const TokenSequences &texts,
                                 BackpropagationVisitor &visitor,
                                 const std::string &file) {
  const Part *before = index > 0 ? &allParts[index - 1] : nullptr;
  int64_t first = before ? before->first : 0, end = allParts[index].first;
  OpRange ops = model->operations().slice(first, end - first);
  if (Error error = visitor.enterPart(ops))
    return error;
  Expected<std::unique_ptr<Spill>> spill = Spill::create(file);
  if (!spill)
    return spill.takeError();
  if (before)
    if (Error error = inputs[index - 1]->rewind())
      return error;
  const std::string what = describeInput(allParts[index]);
  for (auto [number, text] : llvm::enumerate(texts)) {
    Span span;
    span.rows = text.size();
    Evaluation evaluation = start(span);
    evaluation.values[model->tokensValue()] = text;
    if (before)
      if (Error error =
              inputs[index - 1]->read(before->input, span.rows, evaluation))
        return error;
    if (Error error = model->evaluate(first, end, evaluation))
      return error;
    if (Error error = checkFinite(evaluation.matrix(allParts[index].input),
                                  number, 0, what))
      return error;
    if (Error error = (*spill)->write(allParts[index].input, evaluation))
      return error;
  }
  if (Error error = (*spill)->rewind())
    return error;
  inputs.push_back(std::move(*spill));
  return visitor.leavePart(ops);
}

Expected<std::unique_ptr<Spill>>
Backpropagation::runToHead(const TokenSequences &texts,
                           BackpropagationVisitor &visitor) {
  inputs.clear();
  for (size_t i = 0; i < allParts.size(); ++i) {
    if (Error error = forwardTo(i, texts, visitor, {}))
      return std::move(error);
    if (i > 0)
      inputs[i - 1].reset();
  }
  std::unique_ptr<Spill> head = std::move(inputs.back());
  inputs.clear();
  if (Error error = head->rewind())
    return std::move(error);
  return head;
}

/// From the gradient of a part's result to that of its input.
Expected<Matrix>
Backpropagation::differentiatePart(const Part &part, Evaluation &evaluation,
                                   Gradients &gradients,
                                   BackpropagationVisitor &visitor) {
  for (int64_t i = part.end; i-- > part.first;)
    if (Error error = differentiate(model->operations()[i], evaluation,
                                    gradients, visitor))
      return std::move(error);
  Matrix d = gradients.take(part.input);
  if (d.rows == 0)
    return llvm::createStringError("the logits do not depend on the tokens");
  return d;
}

/// The last part, some rows at a time where none of its ops mixes rows.
Error Backpropagation::backwardFromLogits(size_t text, const Matrix &input,
                                          Matrix &gradient,
                                          BackpropagationVisitor &visitor) {
  const Part &part = allParts.back();
  bool mixesRows = llvm::any_of(opsOf(part), llvm::IsaPred<model::AttentionOp>);
  int64_t rows = mixesRows ? input.rows : logitRows;
  mlir::Value logits = model->operations().back()->getResult(0);
  gradient = Matrix(input.rows, input.columns);
  for (int64_t first = 0; first < input.rows; first += rows) {
    Span span;
    span.rows = std::min(rows, input.rows - first);
    span.position = first;
    Evaluation evaluation = start(span);
    evaluation.keepsValues = true;
    Matrix tile(span.rows, input.columns);
    std::copy_n(input.row(first), tile.data.size(), tile.row(0));
    evaluation.values[part.input] = std::move(tile);
    const bool hasLoss = visitor.hasLoss(text);
    if (Error error =
            hasLoss ? evaluateHead(evaluation)
                    : model->evaluate(part.first, part.end - 1, evaluation))
      return error;
    if (Error error =
            visitor.visitActivations(opsOf(part), text, first, evaluation))
      return error;
    if (!hasLoss)
      continue;
    Gradients gradients;
    Matrix d = evaluation.matrix(logits);
    if (Error error = checkFinite(d, text, first, "a logit"))
      return error;
    if (Error error = visitor.differentiateLoss(text, first, d))
      return error;
    gradients.add(logits, std::move(d));
    Expected<Matrix> toInput =
        differentiatePart(part, evaluation, gradients, visitor);
    if (!toInput)
      return toInput.takeError();
    std::copy_n(toInput->row(0), toInput->data.size(), gradient.row(first));
  }
  return Error::success();
}

/// Any other part: `from` has the gradients of its result, `evaluation` its
/// input.
Error Backpropagation::backwardFromResult(size_t index, size_t text,
                                          Spill &from, Evaluation &evaluation,
                                          Matrix &gradient,
                                          BackpropagationVisitor &visitor) {
  const Part &part = allParts[index];
  if (Error error = model->evaluate(part.first, part.end, evaluation))
    return error;
  if (Error error = visitor.visitActivations(opsOf(part), text, 0, evaluation))
    return error;
  if (!visitor.hasLoss(text))
    return Error::success();
  mlir::Value output = allParts[index + 1].input;
  Gradients gradients;
  if (Error error =
          from.read(output, evaluation.matrix(part.input).rows, evaluation))
    return error;
  gradients.add(output, std::move(evaluation.matrix(output)));
  Expected<Matrix> toInput =
      differentiatePart(part, evaluation, gradients, visitor);
  if (!toInput)
    return toInput.takeError();
  gradient = std::move(*toInput);
  return Error::success();
}

/// Differentiates one part for all texts that have a loss: `from` has the
/// gradients of its result (null: the logits are the result), `to` gets those
/// of its input (null: that is the embedding).
Error Backpropagation::backward(size_t index, const TokenSequences &texts,
                                Spill *from, Spill *to,
                                BackpropagationVisitor &visitor) {
  const Part &part = allParts[index];
  if (Error error = visitor.enterPart(opsOf(part)))
    return error;
  if (Error error = inputs[index]->rewind())
    return error;
  if (from)
    if (Error error = from->rewind())
      return error;
  for (auto [text, tokens] : llvm::enumerate(texts)) {
    Span span;
    span.rows = tokens.size();
    Evaluation evaluation = start(span);
    evaluation.keepsValues = true;
    if (Error error = inputs[index]->read(part.input, span.rows, evaluation))
      return error;
    Matrix d;
    if (Error error =
            from
                ? backwardFromResult(index, text, *from, evaluation, d, visitor)
                : backwardFromLogits(text, evaluation.matrix(part.input), d,
                                     visitor))
      return error;
    if (!visitor.hasLoss(text))
      continue;
    if (!to) {
      visitor.visitEmbedding(text, evaluation.matrix(part.input), d);
      continue;
    }
    evaluation.values[part.input] = std::move(d);
    if (Error error = to->write(part.input, evaluation))
      return error;
  }
  if (to)
    if (Error error = to->rewind())
      return error;
  return visitor.leavePart(opsOf(part));
}

static std::string inputFile(const Checkpoint &checkpoint, size_t part) {
  return checkpoint.file("input-" + llvm::Twine(part));
}

/// Of the first parts.
Error Backpropagation::openInputs(size_t parts, const Checkpoint &checkpoint) {
  inputs.clear();
  for (size_t i = 0; i < parts; ++i) {
    Expected<std::unique_ptr<Spill>> input =
        Spill::open(inputFile(checkpoint, i));
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
  }
  return Error::success();
}

/// A step of the checkpoint is a part, forwards or backwards.
Error Backpropagation::run(const TokenSequences &texts,
                           BackpropagationVisitor &visitor,
                           Checkpoint checkpoint) {
  const size_t parts = allParts.size(), done = checkpoint.steps();
  auto gradientFile = [&](size_t part) {
    return checkpoint.file("gradient-" + llvm::Twine(part));
  };
  size_t left = done <= parts ? parts : 2 * parts - done; ///< backwards
  if (Error error = openInputs(std::min(done, left), checkpoint))
    return error;
  for (size_t i = done; i < parts; ++i) {
    if (Error error = forwardTo(i, texts, visitor, inputFile(checkpoint, i)))
      return error;
    if (Error error = checkpoint.setSteps(i + 1))
      return error;
  }
  std::unique_ptr<Spill> from;
  if (0 < left && left < parts) {
    Expected<std::unique_ptr<Spill>> opened = Spill::open(gradientFile(left));
    if (!opened)
      return opened.takeError();
    from = std::move(*opened);
  }
  while (left-- > 0) {
    std::unique_ptr<Spill> to;
    if (left > 0) {
      Expected<std::unique_ptr<Spill>> created =
          Spill::create(gradientFile(left));
      if (!created)
        return created.takeError();
      to = std::move(*created);
    }
    if (Error error = backward(left, texts, from.get(), to.get(), visitor))
      return error;
    if (Error error = checkpoint.setSteps(2 * parts - left))
      return error;
    inputs[left]->remove();
    inputs[left].reset();
    if (from)
      from->remove();
    from = std::move(to);
  }
  return Error::success();
}
