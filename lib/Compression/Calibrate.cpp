//===- Calibrate.cpp - what each block loses at each width ----------------===//

#include "EmbeddingLoss.h"
#include "StackWeights.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Quantization/RowPanels.h"
#include "picollm/Reference/ReferenceModel.h"

namespace picollm {
#define GEN_PASS_DEF_CALIBRATE
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

struct Calibrate : picollm::impl::CalibrateBase<Calibrate> {
  using picollm::impl::CalibrateBase<Calibrate>::CalibrateBase;

  void runOnOperation() override {
    if (llvm::Error error = calibrate(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error calibrate(ModuleOp module);
};

} // namespace

/// What errors of the rows of a matrix cost: once later rows make them good, or
/// of a head, whose rows are too many for a moment, by themselves.
static llvm::Expected<std::vector<float>>
rowWeightsOf(model::WeightOp weight, const FisherInformation &fisher,
             MomentFile &moments) {
  llvm::StringRef name = weight.getSymName();
  if (!moments.contains(name))
    return fisher.outputs.lookup(name);
  auto outputs = moments.read(name);
  if (!outputs)
    return outputs.takeError();
  return rowWeightsUnderFeedback(
      name, *outputs, cast<RankedTensorType>(weight.getType()).getDimSize(0),
      QuantizationOptions());
}

/// The floats of a stack, cut into panels where that lowers the loss.
static llvm::Expected<WeightStack> panelsOf(const Stack &stack,
                                            WeightReader &reader,
                                            llvm::ArrayRef<float> rowWeights) {
  WeightStack weights = weightsOf(stack, reader, rowWeights);
  if (!stack.hasRowsOfTokens())
    return weights;
  return cutByLoss(weights, QuantizationOptions());
}

llvm::Error Calibrate::calibrate(ModuleOp module) {
  auto stacks = findStacks(module);
  if (!stacks)
    return stacks.takeError();
  auto texts = readTokenFile(tokens);
  if (!texts)
    return texts.takeError();
  WeightReader reader;
  auto reference = ReferenceModel::create(module, reader);
  if (!reference)
    return reference.takeError();

  auto moments = MomentFile::create(momentsPath(losses));
  if (!moments)
    return moments.takeError();
  auto fisher = collectFisherInformation(**reference, *texts, moments->get());
  if (!fisher)
    return fisher.takeError();

  LossFile file;
  auto measure = [&](const Stack &stack, const InputStatistics &statistics,
                     llvm::ArrayRef<float> rowWeights) -> llvm::Error {
    auto weights = panelsOf(stack, reader, rowWeights);
    if (!weights)
      return weights.takeError();
    auto table = measureLosses(*weights, statistics, QuantizationOptions());
    if (!table)
      return table.takeError();
    file.tables.push_back(std::move(*table));
    return llvm::Error::success();
  };
  // `head`: the second moment of the head's input, where the embedding is it.
  auto measureEmbedding = [&](const Stack &stack,
                              const SecondMoment *head) -> llvm::Error {
    model::WeightOp weight = stack.panels.front();
    EmbeddingLoss loss = lossOfEmbedding(
        *fisher, head, head ? &fisher->outputs[weight.getSymName()] : nullptr);
    file.embeddingMoment = loss.statistics.moment;
    return measure(stack, loss.statistics, loss.rowWeights);
  };
  for (const Stack &stack : *stacks)
    if (stack.readers.empty())
      if (llvm::Error error = measureEmbedding(stack, nullptr))
        return error;
  LayerwiseCalibration calibration(**reference, std::move(texts->texts));
  llvm::Error error = calibration.run(
      "calibrate",
      [&](const LinearInput &input, const SecondMoment &moment) -> llvm::Error {
        for (const Stack &stack : *stacks) {
          if (!llvm::is_contained(stack.readers, input.linears.front()))
            continue;
          if (stack.isEmbedding)
            return measureEmbedding(stack, &moment);
          std::vector<float> rowWeights;
          for (model::WeightOp panel : stack.panels) {
            auto weights = rowWeightsOf(panel, *fisher, **moments);
            if (!weights)
              return weights.takeError();
            rowWeights.insert(rowWeights.end(), weights->begin(),
                              weights->end());
          }
          return measure(stack, InputStatistics{moment.values, {}, {}}, rowWeights);
        }
        return llvm::createStringError("no stack reads the input of '" +
                                       input.weights.front() + "'");
      });
  if (error)
    return error;
  if (llvm::Error error = (*moments)->finish())
    return error;
  return file.write(losses);
}
