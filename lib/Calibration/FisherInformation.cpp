//===- FisherInformation.cpp - what an output's error costs ---------------===//

#include "picollm/Calibration/FisherInformation.h"
#include "PicoLLM/Model/Model.h"
#include "Products.h"
#include "Spill.h"
#include "picollm/Reference/Gradients.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <algorithm>
#include <cmath>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

/// Tokens whose logits are in memory at a time.
static constexpr int64_t logitRows = 128;
/// Rows of the vocabulary that one thread sums at a time.
static constexpr int64_t vocabularyTile = 2048;

namespace {

/// Ops [first, end), which read one activation of what comes before them.
struct Part {
  int64_t first = 0, end = 0;
  mlir::Value input;
};

class FisherPass {
public:
  FisherPass(ReferenceModel &model, const TokenSequences &texts,
             MomentFile *moments, uint64_t seed)
      : model(model), texts(texts), moments(moments), seed(seed) {}

  Expected<FisherInformation> run();

private:
  void findParts();
  Error forward(Progress &progress);
  void releaseWeights(const Part &part);
  Error keepMoments();
  Error backward(size_t part, Spill *from, Spill *to);
  Error backwardFromLogits(size_t text, const Matrix &input, Matrix &gradient);
  Expected<Matrix> differentiatePart(const Part &part, Evaluation &evaluation,
                                     Gradients &gradients);
  Evaluation start(const Span &span);
  void addSquares(mlir::Operation *op, const Matrix &d);
  void toGradient(size_t text, int64_t firstRow, Matrix &logits);

  ReferenceModel &model;
  const TokenSequences &texts;
  MomentFile *moments; ///< may be null
  uint64_t seed;
  std::vector<Part> parts;
  std::vector<std::unique_ptr<Spill>> inputs; ///< of each part, text by text
  llvm::StringMap<std::vector<double>> squares;
  llvm::MapVector<mlir::Operation *, SecondMoment> ofPart; ///< for `moments`
  FisherInformation result;
};

} // namespace

/// A part begins where a single activation is all that later ops need, and
/// holds at least one product.
void FisherPass::findParts() {
  llvm::ArrayRef<mlir::Operation *> ops = model.operations();
  llvm::DenseMap<mlir::Value, int64_t> lastUse;
  for (auto [index, op] : llvm::enumerate(ops))
    for (mlir::Value operand : op->getOperands())
      lastUse[operand] = index;
  llvm::SetVector<mlir::Value> alive;
  bool hasProduct = true;
  for (int64_t i = 0; i < int64_t(ops.size()); ++i) {
    alive.remove_if([&](mlir::Value value) { return lastUse[value] < i; });
    if (alive.size() == 1 && hasProduct) {
      if (!parts.empty())
        parts.back().end = i;
      parts.push_back({i, int64_t(ops.size()), alive.front()});
      hasProduct = false;
    }
    alive.insert(ops[i]->getResult(0));
    hasProduct |= !weightOfProduct(ops[i]).empty();
  }
}

/// With tokens and positions of the rows of `span`.
Evaluation FisherPass::start(const Span &span) {
  Evaluation evaluation = model.startEvaluation(span);
  std::vector<int32_t> positions(span.rows);
  for (int64_t i = 0; i < span.rows; ++i)
    positions[i] = int32_t(span.position + i);
  evaluation.values[model.positionsValue()] = std::move(positions);
  evaluation.keepsValues = true;
  return evaluation;
}

/// Fills `inputs`, part by part.
Error FisherPass::forward(Progress &progress) {
  for (size_t i = 0; i < parts.size(); ++i) {
    Expected<std::unique_ptr<Spill>> spill = Spill::create();
    if (!spill)
      return spill.takeError();
    inputs.push_back(std::move(*spill));
    if (i > 0)
      if (Error error = inputs[i - 1]->rewind())
        return error;
    for (const std::vector<int32_t> &text : texts) {
      Span span;
      span.rows = text.size();
      Evaluation evaluation = start(span);
      evaluation.keepsValues = false;
      evaluation.values[model.tokensValue()] = text;
      if (i > 0)
        if (Error error =
                inputs[i - 1]->read(parts[i - 1].input, span.rows, evaluation))
          return error;
      int64_t first = i > 0 ? parts[i - 1].first : 0;
      if (Error error = model.evaluate(first, parts[i].first, evaluation))
        return error;
      if (Error error = inputs[i]->write(parts[i].input, evaluation))
        return error;
    }
    if (i > 0)
      releaseWeights(parts[i - 1]);
    progress.update(i + 1);
  }
  return Error::success();
}

void FisherPass::releaseWeights(const Part &part) {
  for (mlir::Operation *op :
       model.operations().slice(part.first, part.end - part.first))
    if (llvm::StringRef weight = weightOfProduct(op); !weight.empty())
      model.weights().release(weight);
}

/// Uniform in [0, 1), a function of its arguments (splitmix64, Steele et al.
/// 2014).
static double uniform(uint64_t seed, uint64_t text, uint64_t row) {
  uint64_t x = seed * 0x9e3779b97f4a7c15 + (text << 32) + row;
  for (int round = 0; round < 2; ++round) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
  }
  return double(x >> 11) * 0x1p-53;
}

/// In place: softmax. Returns an index drawn from it.
static int32_t drawFromSoftmax(float *row, int64_t count, double random) {
  float top = *std::max_element(row, row + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    row[i] = std::exp(row[i] - top);
    sum += row[i];
  }
  double rest = random * sum;
  int32_t drawn = -1;
  for (int32_t i = 0; i < count && drawn < 0; ++i)
    if ((rest -= row[i]) < 0)
      drawn = i;
  const float inverse = float(1 / sum);
  for (int64_t i = 0; i < count; ++i)
    row[i] *= inverse;
  return drawn < 0 ? int32_t(count - 1) : drawn;
}

/// In place: dL/d(logits) = p - [i is the drawn token]. The second moment of
/// that over all drawings is p (1 - p), which needs none.
void FisherPass::toGradient(size_t text, int64_t firstRow, Matrix &logits) {
  int32_t *drawn = result.drawn[text].data() + firstRow;
  parallelFor(logits.rows, [&](int64_t t) {
    drawn[t] = drawFromSoftmax(logits.row(t), logits.columns,
                               uniform(seed, text, firstRow + t));
  });
  auto logitsOp = model.operations().back();
  std::vector<double> &sums = squares[weightOfProduct(logitsOp)];
  sums.resize(logits.columns);
  int64_t tiles = (logits.columns + vocabularyTile - 1) / vocabularyTile;
  parallelFor(tiles, [&](int64_t tile) {
    int64_t end = std::min(logits.columns, (tile + 1) * vocabularyTile);
    for (int64_t t = 0; t < logits.rows; ++t)
      for (int64_t i = tile * vocabularyTile; i < end; ++i)
        sums[i] += double(logits.row(t)[i]) * (1 - logits.row(t)[i]);
  });
  for (int64_t t = 0; t < logits.rows; ++t)
    logits.row(t)[drawn[t]] -= 1;
}

void FisherPass::addSquares(mlir::Operation *op, const Matrix &d) {
  if (llvm::isa<model::LogitsOp>(op))
    return; // see toGradient
  if (moments)
    ofPart.try_emplace(op, d.columns).first->second.add(d);
  std::vector<double> &sums = squares[weightOfProduct(op)];
  sums.resize(d.columns);
  for (int64_t t = 0; t < d.rows; ++t)
    for (int64_t i = 0; i < d.columns; ++i)
      sums[i] += double(d.row(t)[i]) * d.row(t)[i];
}

/// From the gradient of a part's result to that of its input.
Expected<Matrix> FisherPass::differentiatePart(const Part &part,
                                               Evaluation &evaluation,
                                               Gradients &gradients) {
  auto hook = [&](mlir::Operation *op, const Matrix &d) { addSquares(op, d); };
  for (int64_t i = part.end; i-- > part.first;)
    if (Error error =
            differentiate(model.operations()[i], evaluation, gradients, hook))
      return std::move(error);
  Matrix d = gradients.take(part.input);
  if (d.rows == 0)
    return llvm::createStringError("the logits do not depend on the tokens");
  return d;
}

/// The last part, some rows at a time where none of its ops mixes rows.
Error FisherPass::backwardFromLogits(size_t text, const Matrix &input,
                                     Matrix &gradient) {
  const Part &part = parts.back();
  auto ops = model.operations().slice(part.first, part.end - part.first);
  bool mixesRows = llvm::any_of(ops, llvm::IsaPred<model::AttentionOp>);
  int64_t rows = mixesRows ? input.rows : logitRows;
  mlir::Value logits = model.operations().back()->getResult(0);
  gradient = Matrix(input.rows, input.columns);
  for (int64_t first = 0; first < input.rows; first += rows) {
    Span span;
    span.rows = std::min(rows, input.rows - first);
    span.position = first;
    Evaluation evaluation = start(span);
    Matrix tile(span.rows, input.columns);
    std::copy_n(input.row(first), tile.data.size(), tile.row(0));
    evaluation.values[part.input] = std::move(tile);
    if (Error error = model.evaluate(part.first, part.end, evaluation))
      return error;
    Gradients gradients;
    toGradient(text, first, evaluation.matrix(logits));
    gradients.add(logits, std::move(evaluation.matrix(logits)));
    Expected<Matrix> d = differentiatePart(part, evaluation, gradients);
    if (!d)
      return d.takeError();
    std::copy_n(d->row(0), d->data.size(), gradient.row(first));
  }
  return Error::success();
}

/// Differentiates one part for all texts: `from` has the gradients of its
/// result (null: the logits are the result), `to` gets those of its input
/// (null: that is the embedding).
Error FisherPass::backward(size_t index, Spill *from, Spill *to) {
  const Part &part = parts[index];
  if (Error error = inputs[index]->rewind())
    return error;
  if (from)
    if (Error error = from->rewind())
      return error;
  for (auto [text, tokens] : llvm::enumerate(texts)) {
    Span span;
    span.rows = tokens.size();
    Evaluation evaluation = start(span);
    if (Error error = inputs[index]->read(part.input, span.rows, evaluation))
      return error;
    Matrix d;
    if (!from) {
      if (Error error =
              backwardFromLogits(text, evaluation.matrix(part.input), d))
        return error;
    } else {
      if (Error error = model.evaluate(part.first, part.end, evaluation))
        return error;
      mlir::Value output = parts[index + 1].input;
      Gradients gradients;
      if (Error error = from->read(output, span.rows, evaluation))
        return error;
      gradients.add(output, std::move(evaluation.matrix(output)));
      Expected<Matrix> gradient =
          differentiatePart(part, evaluation, gradients);
      if (!gradient)
        return gradient.takeError();
      d = std::move(*gradient);
    }
    if (!to) {
      result.embedding.add(d);
      continue;
    }
    evaluation.values[part.input] = std::move(d);
    if (Error error = to->write(part.input, evaluation))
      return error;
  }
  inputs[index].reset();
  return keepMoments();
}

Error FisherPass::keepMoments() {
  for (auto &[op, moment] : ofPart) {
    moment.finish();
    if (Error error = moments->append(weightOfProduct(op), moment))
      return error;
  }
  ofPart.clear();
  return Error::success();
}

Expected<FisherInformation> FisherPass::run() {
  findParts();
  if (parts.empty() || !llvm::isa<model::LogitsOp>(model.operations().back()))
    return llvm::createStringError(
        "the model has no residual stream that ends in logits, which Fisher "
        "information needs");
  auto columns = llvm::cast<mlir::ShapedType>(parts.front().input.getType());
  result.embedding = SecondMoment(columns.getDimSize(1));
  result.tokenCounts.resize(model.vocabulary());
  int64_t total = 0;
  for (const std::vector<int32_t> &text : texts) {
    total += text.size();
    result.drawn.emplace_back(text.size());
    for (int32_t token : text) {
      if (token < 0 || token >= model.vocabulary())
        return llvm::createStringError(
            "token " + llvm::Twine(token) + " is outside the vocabulary of " +
            llvm::Twine(model.vocabulary()) + " tokens");
      ++result.tokenCounts[token];
    }
  }

  // Backwards, a part is evaluated again and differentiated.
  Progress progress("Fisher", 3 * parts.size(), "steps");
  if (Error error = forward(progress))
    return std::move(error);
  std::unique_ptr<Spill> from;
  for (size_t i = parts.size(); i-- > 0;) {
    std::unique_ptr<Spill> to;
    if (i > 0) {
      Expected<std::unique_ptr<Spill>> created = Spill::create();
      if (!created)
        return created.takeError();
      to = std::move(*created);
    }
    if (Error error = backward(i, from.get(), to.get()))
      return std::move(error);
    from = std::move(to);
    releaseWeights(parts[i]);
    progress.update(parts.size() + 2 * (parts.size() - i));
  }
  for (auto &entry : squares) {
    std::vector<float> &f = result.outputs[entry.first()];
    for (double sum : entry.second)
      f.push_back(float(sum / double(total)));
  }
  result.embedding.finish();
  // From the result of the look-up to the row that was looked up.
  if (auto op = parts.front().input.getDefiningOp<model::EmbeddingOp>();
      op && op.getScale()) {
    const double scale = op.getScale()->convertToDouble();
    for (float &value : result.embedding.values)
      value *= float(scale * scale);
  }
  return std::move(result);
}

Expected<FisherInformation>
picollm::collectFisherInformation(ReferenceModel &model,
                                  const TokenSequences &texts,
                                  MomentFile *moments, uint64_t seed) {
  return FisherPass(model, texts, moments, seed).run();
}
