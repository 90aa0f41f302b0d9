//===- LayerwiseCalibration.cpp - statistics layer by layer ---------------===//

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "FiniteActivations.h"
#include "Products.h"
#include "Spill.h"
#include "picollm/Support/Progress.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

LayerwiseCalibration::LayerwiseCalibration(ReferenceModel &model,
                                           TokenSequences texts,
                                           ReferenceModel *beside)
    : model(model), texts(std::move(texts)), beside(beside),
      linearInputs(findLinearInputs(model)) {
  llvm::ArrayRef<mlir::Operation *> ops = model.operations();
  for (const LinearInput &input : linearInputs)
    starts.push_back(llvm::find(ops, input.linears.front()) - ops.begin());

  // Alive before op i: made before it, used by it or a later one. Tokens and
  // positions are block arguments, which every stage gets anew.
  for (int64_t start : starts) {
    llvm::DenseSet<mlir::Operation *> before(ops.begin(), ops.begin() + start);
    llvm::SetVector<mlir::Value> values;
    for (mlir::Operation *op : ops.drop_front(start))
      for (mlir::Value operand : op->getOperands())
        if (operand.getDefiningOp() && before.contains(operand.getDefiningOp()))
          values.insert(operand);
    alive.emplace_back(values.begin(), values.end());
  }
}

Error LayerwiseCalibration::runText(ReferenceModel &of,
                                    llvm::ArrayRef<int32_t> text, int64_t first,
                                    int64_t last, Evaluation &evaluation) {
  std::vector<int32_t> positions(text.size());
  for (size_t i = 0; i < positions.size(); ++i)
    positions[i] = i;
  evaluation.values[of.tokensValue()] = text.vec();
  evaluation.values[of.positionsValue()] = std::move(positions);
  return of.evaluate(first, last, evaluation);
}

static Span wholeText(llvm::ArrayRef<int32_t> text) {
  Span span;
  span.rows = text.size();
  return span;
}

/// Runs the ops before the first stage.
Expected<std::unique_ptr<Spill>>
LayerwiseCalibration::begin(ReferenceModel &of) {
  Expected<std::unique_ptr<Spill>> to = Spill::create();
  if (!to)
    return to.takeError();
  for (const std::vector<int32_t> &text : texts) {
    Span span = wholeText(text);
    Evaluation evaluation = of.startEvaluation(span);
    if (Error error = runText(of, text, 0, starts[0], evaluation))
      return std::move(error);
    if (Error error = (*to)->write(alive[0], evaluation))
      return std::move(error);
  }
  return to;
}

/// Runs the ops from stage `stage` (its linears included) to the next stage.
Expected<std::unique_ptr<Spill>>
LayerwiseCalibration::advance(ReferenceModel &of, size_t stage, Spill &from,
                              const std::string &path) {
  Expected<std::unique_ptr<Spill>> to = Spill::create(path);
  if (!to)
    return to.takeError();
  if (Error error = from.rewind())
    return std::move(error);
  for (const std::vector<int32_t> &text : texts) {
    Span span = wholeText(text);
    Evaluation evaluation = of.startEvaluation(span);
    if (Error error = from.read(alive[stage], text.size(), evaluation))
      return std::move(error);
    if (Error error =
            runText(of, text, starts[stage], starts[stage + 1], evaluation))
      return std::move(error);
    if (Error error = (*to)->write(alive[stage + 1], evaluation))
      return std::move(error);
  }
  if (Error error = (*to)->rewind())
    return std::move(error);
  return to;
}

/// What is alive at the first stage that is not done.
Expected<std::unique_ptr<Spill>> LayerwiseCalibration::openOrBegin(
    ReferenceModel &of, const Checkpoint &checkpoint, const std::string &path) {
  return checkpoint.steps() > 0 ? Spill::open(path) : begin(of);
}

/// What the output of a linear op is added to; null where it is not.
static mlir::Value residualOf(mlir::Operation *linear) {
  mlir::Value output = linear->getResult(0);
  if (!output.hasOneUse())
    return {};
  auto add = llvm::dyn_cast<model::AddOp>(*output.user_begin());
  if (!add)
    return {};
  return add.getLhs() == output ? add.getRhs() : add.getLhs();
}

static Matrix difference(Matrix a, const Matrix &b) {
  for (size_t i = 0; i < a.data.size(); ++i)
    a.data[i] -= b.data[i];
  return a;
}

/// What is alive at a stage, of a text; the input of the stage is finite.
Error LayerwiseCalibration::readInput(size_t stage, size_t text, Spill &from,
                                      Evaluation &evaluation) {
  const LinearInput &input = linearInputs[stage];
  if (Error error = from.read(alive[stage], texts[text].size(), evaluation))
    return error;
  return checkFinite(evaluation.matrix(input.value), text, 0,
                     "the input of '" + input.weights.front() + "'");
}

/// H of a stage's input.
Expected<SecondMoment> LayerwiseCalibration::measure(size_t stage,
                                                     Spill &current) {
  const LinearInput &input = linearInputs[stage];
  SecondMoment moment(input.columns);
  if (Error error = current.rewind())
    return std::move(error);
  for (size_t text = 0; text < texts.size(); ++text) {
    Evaluation evaluation = model.startEvaluation({});
    if (Error error = readInput(stage, text, current, evaluation))
      return std::move(error);
    moment.add(evaluation.matrix(input.value));
  }
  moment.finish();
  return moment;
}

static InputDrift startDrift(const LinearInput &input) {
  InputDrift drift;
  drift.moment = SecondMoment(input.columns);
  drift.input = CrossMoment(input.columns, input.columns);
  for (auto [linear, weight] : llvm::zip_equal(input.linears, input.weights))
    if (mlir::Value r = residualOf(linear))
      drift.residuals.try_emplace(
          weight, llvm::cast<mlir::ShapedType>(r.getType()).getDimSize(1),
          input.columns);
  return drift;
}

/// Adds what rows [first, end) of a text say.
static void addDrift(InputDrift &drift, const LinearInput &input,
                     Evaluation &floats, Evaluation &evaluation, int64_t first,
                     int64_t end) {
  const Matrix x = evaluation.matrix(input.value).rowRange(first, end);
  auto differenceOf = [&](mlir::Value value) {
    return difference(floats.matrix(value).rowRange(first, end),
                      evaluation.matrix(value).rowRange(first, end));
  };
  drift.moment.add(x);
  drift.input.add(differenceOf(input.value), x);
  for (auto [linear, weight] : llvm::zip_equal(input.linears, input.weights))
    if (mlir::Value r = residualOf(linear))
      drift.residuals.find(weight)->second.add(differenceOf(r), x);
}

static void finishDrift(InputDrift &drift) {
  drift.moment.finish();
  drift.input.finish();
  for (auto &residual : drift.residuals)
    residual.second.finish();
}

/// Fills inputDrift and halfDrift, whose moment is the first's part too.
Error LayerwiseCalibration::measureDrift(size_t stage, Spill &current,
                                         Spill &floats) {
  const LinearInput &input = linearInputs[stage];
  inputDrift = startDrift(input);
  halfDrift = startDrift(input);
  if (Error error = current.rewind())
    return error;
  if (Error error = floats.rewind())
    return error;
  for (auto [number, text] : llvm::enumerate(texts)) {
    Evaluation evaluation = model.startEvaluation({});
    if (Error error = readInput(stage, number, current, evaluation))
      return error;
    Evaluation beside_ = beside->startEvaluation({});
    if (Error error = floats.read(alive[stage], text.size(), beside_))
      return error;
    const int64_t rows = text.size();
    const int64_t inHalf =
        texts.size() == 1 ? rows / 2 : (number % 2 == 0 ? rows : 0);
    if (inHalf > 0)
      addDrift(halfDrift, input, beside_, evaluation, 0, inHalf);
    if (inHalf < rows)
      addDrift(inputDrift, input, beside_, evaluation, inHalf, rows);
  }
  inputDrift.moment += halfDrift.moment;
  inputDrift.input += halfDrift.input;
  for (auto &residual : inputDrift.residuals)
    residual.second += halfDrift.residuals.find(residual.first())->second;
  finishDrift(inputDrift);
  finishDrift(halfDrift);
  return Error::success();
}

/// Of the weights whose last linear is one of the ops [first, end).
void LayerwiseCalibration::endReplacements(int64_t first, int64_t end) {
  llvm::ArrayRef<mlir::Operation *> ops = model.operations();
  for (mlir::Operation *op : ops.slice(first, end - first)) {
    llvm::StringRef weight = weightOfProduct(op);
    if (weight.empty())
      continue;
    model.weights().restore(weight);
    model.weights().release(weight);
  }
}

Error LayerwiseCalibration::run(llvm::StringRef stageName, MomentVisitor visit,
                                Checkpoint checkpoint) {
  if (linearInputs.empty())
    return llvm::createStringError("the model has no linear layers");
  const size_t first = checkpoint.steps();
  if (first == linearInputs.size())
    return Error::success();
  Progress progress(stageName.str(), linearInputs.size(), "inputs", first);
  auto inputFile = [&](size_t stage) {
    return checkpoint.file("input-" + llvm::Twine(stage));
  };
  auto floatFile = [&](size_t stage) {
    return checkpoint.file("float-input-" + llvm::Twine(stage));
  };
  Expected<std::unique_ptr<Spill>> current =
      openOrBegin(model, checkpoint, inputFile(first));
  if (!current)
    return current.takeError();
  std::unique_ptr<Spill> floats;
  if (beside) {
    Expected<std::unique_ptr<Spill>> begun =
        openOrBegin(*beside, checkpoint, floatFile(first));
    if (!begun)
      return begun.takeError();
    floats = std::move(*begun);
  }

  for (size_t stage = first; stage < linearInputs.size(); ++stage) {
    if (beside) {
      if (Error error = measureDrift(stage, **current, *floats))
        return error;
      if (Error error = visit(linearInputs[stage], inputDrift.moment))
        return error;
    } else {
      Expected<SecondMoment> moment = measure(stage, **current);
      if (!moment)
        return moment.takeError();
      if (Error error = visit(linearInputs[stage], *moment))
        return error;
    }
    std::unique_ptr<Spill> done = std::move(*current),
                           doneFloats = std::move(floats);
    if (stage + 1 < linearInputs.size()) {
      current = advance(model, stage, *done, inputFile(stage + 1));
      if (!current)
        return current.takeError();
      endReplacements(starts[stage], starts[stage + 1]);
      if (beside) {
        Expected<std::unique_ptr<Spill>> next =
            advance(*beside, stage, *doneFloats, floatFile(stage + 1));
        if (!next)
          return next.takeError();
        floats = std::move(*next);
        releaseWeights(*beside, linearInputs[stage].linears);
      }
    }
    if (Error error = checkpoint.setSteps(stage + 1))
      return error;
    done->remove();
    if (doneFloats)
      doneFloats->remove();
    progress.update(stage + 1);
  }
  endReplacements(starts.back(), model.operations().size());
  return Error::success();
}

Expected<MomentMap> picollm::collectMoments(ReferenceModel &model,
                                            TokenSequences texts) {
  MomentMap moments;
  LayerwiseCalibration calibration(model, std::move(texts));
  auto keep = [&](const LinearInput &input, const SecondMoment &moment) {
    auto shared = std::make_shared<const SecondMoment>(moment);
    for (const std::string &weight : input.weights)
      moments[weight] = shared;
    return Error::success();
  };
  if (Error error = calibration.run("calibrate", keep))
    return std::move(error);
  return moments;
}
