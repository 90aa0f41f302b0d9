//===- Calibrate.cpp - what each block loses at each width ----------------===//

#include "CheckpointKey.h"
#include "EmbeddingLoss.h"
#include "StackWeights.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Quantization/Quantize.h"
#include "picollm/Quantization/RandomMatrix.h"
#include "picollm/Quantization/RowPanels.h"
#include "picollm/Reference/ReferenceModel.h"
#include "llvm/Support/FileSystem.h"

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

namespace {

/// The losses of one stack after the other.
class LossMeasurement {
public:
  LossMeasurement(WeightReader &reader, Checkpoint checkpoint)
      : reader(reader), checkpoint(std::move(checkpoint)) {}

  /// What a run that was killed has measured.
  llvm::Error readKept(llvm::ArrayRef<Stack> stacks);

  llvm::Error measure(const Stack &stack, const InputStatistics &statistics,
                      llvm::ArrayRef<float> rowWeights);

  /// `head`: the second moment of the head's input, where the embedding is it.
  llvm::Error measureEmbedding(const Stack &stack,
                               const FisherInformation &fisher,
                               const SecondMoment *head);

  /// In the order of the stacks.
  llvm::Error write(llvm::ArrayRef<Stack> stacks, llvm::StringRef path);

private:
  std::string keptFile(const Stack &stack) const;

  WeightReader &reader;
  Checkpoint checkpoint;
  std::vector<float> embeddingMoment;
  llvm::StringMap<LossTable> tables;
};

} // namespace

std::string LossMeasurement::keptFile(const Stack &stack) const {
  return checkpoint.file(stack.name + ".losses.json");
}

llvm::Error LossMeasurement::readKept(llvm::ArrayRef<Stack> stacks) {
  if (!checkpoint.isKept())
    return llvm::Error::success();
  for (const Stack &stack : stacks) {
    if (!llvm::sys::fs::exists(keptFile(stack)))
      continue;
    auto kept = LossFile::read(keptFile(stack));
    if (!kept)
      return kept.takeError();
    if (!kept->embeddingMoment.empty())
      embeddingMoment = std::move(kept->embeddingMoment);
    for (LossTable &table : kept->tables)
      tables[stack.name] = std::move(table);
  }
  return llvm::Error::success();
}

llvm::Error LossMeasurement::measure(const Stack &stack,
                                     const InputStatistics &statistics,
                                     llvm::ArrayRef<float> rowWeights) {
  if (tables.contains(stack.name))
    return llvm::Error::success();
  auto weights = panelsOf(stack, reader, rowWeights);
  if (!weights)
    return weights.takeError();
  auto table = measureLosses(*weights, statistics, QuantizationOptions());
  if (!table)
    return table.takeError();
  if (checkpoint.isKept()) {
    LossFile kept;
    kept.tables.push_back(*table);
    if (stack.isEmbedding)
      kept.embeddingMoment = embeddingMoment;
    if (llvm::Error error = kept.write(keptFile(stack)))
      return error;
  }
  tables[stack.name] = std::move(*table);
  return llvm::Error::success();
}

llvm::Error LossMeasurement::measureEmbedding(const Stack &stack,
                                              const FisherInformation &fisher,
                                              const SecondMoment *head) {
  model::WeightOp weight = stack.panels.front();
  auto outputs = fisher.outputs.find(weight.getSymName());
  EmbeddingLoss loss =
      lossOfEmbedding(fisher, head, head ? &outputs->second : nullptr);
  embeddingMoment = loss.statistics.moment;
  return measure(stack, loss.statistics, loss.rowWeights);
}

llvm::Error LossMeasurement::write(llvm::ArrayRef<Stack> stacks,
                                   llvm::StringRef path) {
  LossFile file;
  file.embeddingMoment = embeddingMoment;
  for (const Stack &stack : stacks)
    file.tables.push_back(std::move(tables[stack.name]));
  return file.write(path);
}

static llvm::Error writeRandomLosses(llvm::ArrayRef<Stack> stacks,
                                     llvm::StringRef path) {
  LossFile file;
  for (auto [seed, stack] : llvm::enumerate(stacks)) {
    std::vector<int64_t> rows;
    for (size_t panel = 0; panel < stack.panels.size(); ++panel)
      rows.push_back(stack.rows(panel));
    file.tables.push_back(randomLosses(
        stack.name, rows, stack.hasRowsOfTokens(), stack.columns, seed));
  }
  return file.write(path);
}

llvm::Error Calibrate::calibrate(ModuleOp module) {
  auto stacks = findStacks(module);
  if (!stacks)
    return stacks.takeError();
  if (random)
    return writeRandomLosses(*stacks, losses);
  auto texts = readTokenFile(tokens);
  if (!texts)
    return texts.takeError();
  auto kept = openCheckpoint(
      checkpoint, module, tokens,
      (losses + llvm::Twine(' ') + llvm::Twine(rowFeedback)).str());
  if (!kept)
    return kept.takeError();
  WeightReader reader;
  auto reference = ReferenceModel::create(module, reader);
  if (!reference)
    return reference.takeError();

  const std::string momentFile = momentsPath(losses);
  auto moments = kept->steps() > 0 ? MomentFile::reopen(momentFile)
                                   : MomentFile::create(momentFile);
  if (!moments)
    return moments.takeError();
  LossMeasurement measurement(reader, *kept);
  if (llvm::Error error = measurement.readKept(*stacks))
    return error;
  auto measure = [&](const FisherInformation &fisher, const LinearInput &input,
                     const SecondMoment &moment) -> llvm::Error {
    auto stack = findStackOf(input, *stacks);
    if (!stack)
      return stack.takeError();
    if (stack->isEmbedding) // looked up too, which is known at the end
      return llvm::Error::success();
    std::vector<float> rowWeights;
    for (model::WeightOp panel : stack->panels) {
      auto weights = rowWeightsOf(panel, fisher, **moments);
      if (!weights)
        return weights.takeError();
      rowWeights.insert(rowWeights.end(), weights->begin(), weights->end());
    }
    return measurement.measure(*stack, InputStatistics{moment.values, {}, {}},
                               rowWeights);
  };
  auto fisher = collectFisherInformation(**reference, *texts,
                                         rowFeedback ? moments->get() : nullptr,
                                         measure, *kept);
  if (!fisher)
    return fisher.takeError();
  for (const Stack &stack : *stacks)
    if (stack.isEmbedding)
      if (llvm::Error error = measurement.measureEmbedding(
              stack, *fisher,
              stack.readers.empty() ? nullptr : &fisher->headInput))
        return error;
  if (llvm::Error error = (*moments)->finish())
    return error;
  return measurement.write(*stacks, losses);
}
