//===- LayerwiseCalibration.cpp - statistics layer by layer ---------------===//

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "Products.h"
#include "Spill.h"
#include "picollm/Support/Progress.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

LayerwiseCalibration::LayerwiseCalibration(ReferenceModel &model,
                                           TokenSequences texts)
    : model(model), texts(std::move(texts)) {
  llvm::ArrayRef<mlir::Operation *> ops = model.operations();
  llvm::MapVector<mlir::Value, LinearInput> byValue;
  for (auto [index, op] : llvm::enumerate(ops)) {
    llvm::StringRef weight = weightOfProduct(op);
    if (weight.empty())
      continue;
    LinearInput &input = byValue[op->getOperand(0)];
    if (input.linears.empty()) {
      input.value = op->getOperand(0);
      input.columns =
          llvm::cast<mlir::ShapedType>(input.value.getType()).getDimSize(1);
      starts.push_back(index);
    }
    input.linears.push_back(op);
    input.weights.push_back(weight.str());
    input.head |= llvm::isa<model::LogitsOp>(op);
  }
  for (auto &[value, input] : byValue)
    linearInputs.push_back(std::move(input));

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

Error LayerwiseCalibration::runText(llvm::ArrayRef<int32_t> text, int64_t first,
                                    int64_t last, Evaluation &evaluation) {
  std::vector<int32_t> positions(text.size());
  for (size_t i = 0; i < positions.size(); ++i)
    positions[i] = i;
  evaluation.values[model.tokensValue()] = text.vec();
  evaluation.values[model.positionsValue()] = std::move(positions);
  return model.evaluate(first, last, evaluation);
}

static Span wholeText(llvm::ArrayRef<int32_t> text) {
  Span span;
  span.rows = text.size();
  return span;
}

/// Runs the ops from stage `stage` (its linears included) to the next stage.
Error LayerwiseCalibration::advance(size_t stage, Spill &from, Spill &to) {
  for (const std::vector<int32_t> &text : texts) {
    Span span = wholeText(text);
    Evaluation evaluation = model.startEvaluation(span);
    if (Error error = from.read(alive[stage], text.size(), evaluation))
      return error;
    if (Error error =
            runText(text, starts[stage], starts[stage + 1], evaluation))
      return error;
    if (Error error = to.write(alive[stage + 1], evaluation))
      return error;
  }
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

Error LayerwiseCalibration::run(llvm::StringRef stageName,
                                MomentVisitor visit) {
  if (linearInputs.empty())
    return llvm::createStringError("the model has no linear layers");
  Progress progress(stageName.str(), linearInputs.size(), "inputs");
  Expected<std::unique_ptr<Spill>> current = Spill::create();
  if (!current)
    return current.takeError();
  for (const std::vector<int32_t> &text : texts) {
    Span span = wholeText(text);
    Evaluation evaluation = model.startEvaluation(span);
    if (Error error = runText(text, 0, starts[0], evaluation))
      return error;
    if (Error error = (*current)->write(alive[0], evaluation))
      return error;
  }

  for (size_t stage = 0; stage < linearInputs.size(); ++stage) {
    const LinearInput &input = linearInputs[stage];
    SecondMoment moment(input.columns);
    if (Error error = (*current)->rewind())
      return error;
    for (const std::vector<int32_t> &text : texts) {
      Evaluation evaluation = model.startEvaluation({});
      if (Error error = (*current)->read(alive[stage], text.size(), evaluation))
        return error;
      moment.add(evaluation.matrix(input.value));
    }
    moment.finish();
    if (Error error = visit(input, moment))
      return error;
    if (stage + 1 < linearInputs.size()) {
      Expected<std::unique_ptr<Spill>> next = Spill::create();
      if (!next)
        return next.takeError();
      if (Error error = (*current)->rewind())
        return error;
      if (Error error = advance(stage, **current, **next))
        return error;
      current = std::move(next);
      endReplacements(starts[stage], starts[stage + 1]);
    }
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
