//===- FisherInformation.cpp - what an output's error costs ---------------===//

#include "picollm/Calibration/FisherInformation.h"
#include "FiniteActivations.h"
#include "Products.h"
#include "picollm/Calibration/Backpropagation.h"
#include "picollm/Reference/Softmax.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/RawVector.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/MapVector.h"
#include <algorithm>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

/// Rows of the vocabulary that one thread sums at a time.
static constexpr int64_t vocabularyTile = 2048;

namespace {

class FisherPass : public BackpropagationVisitor {
public:
  FisherPass(ReferenceModel &model, const CalibrationSet &all,
             MomentFile *moments, InputVisitor visit, Checkpoint checkpoint,
             uint64_t seed)
      : model(model), set(all.counting()), texts(set.texts), moments(moments),
        visit(visit), checkpoint(std::move(checkpoint)), seed(seed) {
    if (!visit)
      return;
    inputs = findLinearInputs(model);
    for (size_t text = 0; text < all.size(); ++text)
      if (all.counted(text).count() == 0)
        texts.push_back(all.texts[text]);
  }

  Expected<FisherInformation> run();

private:
  bool hasLoss(size_t text) const override { return text < set.size(); }
  Error enterPart(OpRange ops) override;
  Error visitActivations(OpRange ops, size_t text, int64_t firstRow,
                         Evaluation &evaluation) override;
  Error leavePart(OpRange ops) override;
  Error differentiateLoss(size_t text, int64_t firstRow,
                          Matrix &logits) override;
  void visitProduct(mlir::Operation *op, Evaluation &evaluation,
                    const Matrix &output, const Matrix &input) override;
  void visitEmbedding(size_t text, const Matrix &x, const Matrix &d) override {
    result.embedding.add(d);
  }
  Error countTokens();
  bool isBackwards() const { return left >= parts; }
  void finishOutputs(llvm::StringRef weight);
  Error appendMoments();
  Error visitInputs();
  Error writeSums();
  Error readSums();

  ReferenceModel &model;
  CalibrationSet set;
  TokenSequences texts; ///< of the set, then those of which nothing counts
  MomentFile *moments;  ///< may be null
  InputVisitor visit;   ///< may be null
  Checkpoint checkpoint;
  uint64_t seed;
  int64_t tokens = 0;
  std::unique_ptr<Progress> progress;
  int64_t parts = 0; ///< forwards, and then as many backwards
  int64_t left = 0;  ///< how many of these the pass has left
  llvm::StringMap<std::vector<double>> squares;
  llvm::MapVector<mlir::Operation *, SecondMoment> ofPart; ///< for `moments`
  std::vector<LinearInput> inputs;                         ///< for `visit`
  /// Of the part that runs backwards.
  std::vector<std::pair<const LinearInput *, SecondMoment>> inputMoments;
  FisherInformation result;
};

} // namespace

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
  softmax(row, count);
  double rest = random;
  int32_t drawn = -1;
  for (int32_t i = 0; i < count && drawn < 0; ++i)
    if ((rest -= row[i]) < 0)
      drawn = i;
  return drawn < 0 ? int32_t(count - 1) : drawn;
}

/// In place: dL/d(logits) = p - [i is the drawn token], 0 in rows that do not
/// count. The second moment of that over all drawings is p (1 - p), which needs
/// none.
Error FisherPass::differentiateLoss(size_t text, int64_t firstRow,
                                    Matrix &logits) {
  int32_t *drawn = result.drawn[text].data() + firstRow;
  const CalibrationSet::Rows counted = set.counted(text);
  parallelFor(logits.rows, [&](int64_t t) {
    if (!counted.contains(firstRow + t)) {
      std::fill_n(logits.row(t), logits.columns, 0.0f);
      return;
    }
    drawn[t] = drawFromSoftmax(logits.row(t), logits.columns,
                               uniform(seed, text, firstRow + t));
  });
  auto logitsOp = model.operations().back();
  std::vector<double> &sums = squares[weightOfProduct(logitsOp)];
  sums.resize(logits.columns);
  parallelForTiles(
      logits.columns, vocabularyTile, [&](int64_t first, int64_t count) {
        for (int64_t t = 0; t < logits.rows; ++t)
          for (int64_t i = first; i < first + count; ++i)
            sums[i] += double(logits.row(t)[i]) * (1 - logits.row(t)[i]);
      });
  for (int64_t t = 0; t < logits.rows; ++t)
    if (drawn[t] != FisherInformation::notDrawn)
      logits.row(t)[drawn[t]] -= 1;
  return Error::success();
}

void FisherPass::visitProduct(mlir::Operation *op, Evaluation &evaluation,
                              const Matrix &d, const Matrix &input) {
  if (llvm::isa<model::LogitsOp>(op))
    return; // see differentiateLoss
  if (moments)
    ofPart.try_emplace(op, d.columns).first->second.add(d);
  std::vector<double> &sums = squares[weightOfProduct(op)];
  sums.resize(d.columns);
  for (int64_t t = 0; t < d.rows; ++t)
    for (int64_t i = 0; i < d.columns; ++i)
      sums[i] += double(d.row(t)[i]) * d.row(t)[i];
}

/// Backwards, a part is evaluated again and differentiated.
static int64_t progressOf(int64_t left, int64_t parts) {
  return left + std::max<int64_t>(0, left - parts);
}

Error FisherPass::enterPart(OpRange ops) {
  if (!isBackwards())
    return Error::success();
  for (const LinearInput &input : inputs)
    if (llvm::is_contained(ops, input.linears.front()))
      inputMoments.emplace_back(&input, SecondMoment(input.columns));
  return Error::success();
}

Error FisherPass::visitActivations(OpRange ops, size_t text, int64_t firstRow,
                                   Evaluation &evaluation) {
  for (auto &[input, moment] : inputMoments) {
    const Matrix &x = evaluation.matrix(input->value);
    if (Error error = checkFinite(
            x, text, firstRow, "the input of '" + input->weights.front() + "'"))
      return error;
    moment.add(x);
  }
  return Error::success();
}

/// From sums to means, of a weight that all texts have gone back through.
void FisherPass::finishOutputs(llvm::StringRef weight) {
  std::vector<float> &f = result.outputs[weight];
  f.clear();
  for (double sum : squares[weight])
    f.push_back(float(sum / double(tokens)));
}

Error FisherPass::appendMoments() {
  for (auto &[op, moment] : ofPart) {
    // A process that was killed may have come so far.
    if (moments->contains(weightOfProduct(op)))
      continue;
    moment.finish();
    if (Error error = moments->append(weightOfProduct(op), moment))
      return error;
  }
  ofPart.clear();
  return Error::success();
}

Error FisherPass::visitInputs() {
  for (auto &[input, moment] : llvm::reverse(inputMoments)) {
    moment.finish();
    if (Error error = visit(result, *input, moment))
      return error;
    if (input->head)
      result.headInput = std::move(moment);
  }
  inputMoments.clear();
  return Error::success();
}

Error FisherPass::leavePart(OpRange ops) {
  releaseWeights(model, ops);
  if (isBackwards()) {
    for (mlir::Operation *op : ops)
      if (llvm::StringRef weight = weightOfProduct(op); !weight.empty())
        finishOutputs(weight);
    if (Error error = appendMoments())
      return error;
    if (Error error = visitInputs())
      return error;
  }
  if (++left > parts && checkpoint.isKept()) {
    if (moments)
      if (Error error = moments->finish())
        return error;
    if (Error error = writeSums())
      return error;
  }
  progress->update(progressOf(left, parts));
  return Error::success();
}

/// What has been summed up so far, in the byte order of this machine.
Error FisherPass::writeSums() {
  return writeFile(
      checkpoint.sumsFile(left), [&](llvm::raw_ostream &os) -> Error {
        for (const std::vector<int32_t> &text : result.drawn)
          writeSized(os, text);
        writeSized(os, result.embedding.values);
        writeSized(os, std::vector<int64_t>{result.embedding.tokens,
                                            result.headInput.columns});
        writeSized(os, result.headInput.values);
        for (auto &entry : squares) {
          writeSized(os, std::vector<char>(entry.first().begin(),
                                           entry.first().end()));
          writeSized(os, entry.second);
        }
        return Error::success();
      });
}

Error FisherPass::readSums() {
  const std::string path = checkpoint.sumsFile(left);
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef bytes = (*buffer)->getBuffer();
  std::vector<int64_t> counts; // tokens of the embedding, columns of the head
  bool isRead = llvm::all_of(result.drawn,
                             [&](std::vector<int32_t> &text) {
                               return readSized(bytes, text);
                             }) &&
                readSized(bytes, result.embedding.values) &&
                readSized(bytes, counts) && counts.size() == 2 &&
                readSized(bytes, result.headInput.values);
  while (isRead && !bytes.empty()) {
    std::vector<char> name;
    isRead =
        readSized(bytes, name) &&
        readSized(bytes, squares[llvm::StringRef(name.data(), name.size())]);
  }
  if (!isRead)
    return llvm::createStringError(path + ": is not what calibration writes");
  result.embedding.tokens = counts[0];
  result.headInput.columns = counts[1];
  for (const auto &entry : squares)
    finishOutputs(entry.first());
  return Error::success();
}

Error FisherPass::countTokens() {
  result.tokenCounts.resize(model.vocabulary());
  for (const std::vector<int32_t> &text : texts)
    if (Error error = model.checkTokens(text))
      return error;
  for (const std::vector<int32_t> &text : set.texts) {
    for (int32_t token : text)
      ++result.tokenCounts[token];
    result.drawn.emplace_back(text.size(), FisherInformation::notDrawn);
  }
  tokens = set.tokens();
  if (tokens == 0)
    return llvm::createStringError(
        "no prediction in the calibration texts counts; give texts, or items "
        "with answers");
  return Error::success();
}

Expected<FisherInformation> FisherPass::run() {
  if (Error error = countTokens())
    return std::move(error);
  Expected<Backpropagation> pass = Backpropagation::create(model);
  if (!pass)
    return pass.takeError();
  mlir::Value looked = pass->embedding();
  auto columns = llvm::cast<mlir::ShapedType>(looked.getType());
  result.embedding = SecondMoment(columns.getDimSize(1));
  parts = pass->parts();
  left = checkpoint.steps();
  if (left > parts)
    if (Error error = readSums())
      return std::move(error);
  if (left < 2 * parts)
    progress = std::make_unique<Progress>("calibrate", 3 * parts, "steps",
                                          progressOf(left, parts));
  if (Error error = pass->run(texts, *this, checkpoint))
    return std::move(error);
  progress.reset();
  result.embedding.finish();
  // From the result of the look-up to the row that was looked up.
  if (auto op = looked.getDefiningOp<model::EmbeddingOp>();
      op && op.getScale()) {
    const double scale = op.getScale()->convertToDouble();
    for (float &value : result.embedding.values)
      value *= float(scale * scale);
  }
  return std::move(result);
}

Expected<FisherInformation> picollm::collectFisherInformation(
    ReferenceModel &model, const CalibrationSet &set, MomentFile *moments,
    InputVisitor visit, Checkpoint checkpoint, uint64_t seed) {
  return FisherPass(model, set, moments, visit, std::move(checkpoint), seed)
      .run();
}
