//===- Quantize.cpp - float weights to codes at the planned widths --------===//

#include "picollm/Quantization/Quantize.h"
#include "CheckpointKey.h"
#include "StackWeights.h"
#include "mlir/IR/Builders.h"
#include "picollm/Calibration/LayerwiseCalibration.h"
#include "picollm/Calibration/MomentFile.h"
#include "picollm/Compression/CodeFile.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Quantization/RandomMatrix.h"
#include "picollm/Quantization/RowPanels.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"

namespace picollm {
#define GEN_PASS_DEF_QUANTIZE
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

/// Damping of the published benchmark of GPTQ, as a share of mean diag(H).
constexpr double publishedDamping = 0.1;

/// Of a checkpoint: offset, bytes and name of each stack in the file of codes.
constexpr char writtenFile[] = "written";

/// Quantises the stacks of one module one by one into a file of codes.
class ModuleQuantizer {
public:
  ModuleQuantizer(ModuleOp module, std::vector<Stack> stacks,
                  llvm::StringRef codes, const QuantizationOptions &options,
                  Checkpoint checkpoint)
      : module(module), stacks(std::move(stacks)), codes(codes),
        options(options), checkpoint(std::move(checkpoint)) {}

  /// The codes that are there and the place behind them.
  llvm::Error open();
  /// Fails unless every stack has a planned layout.
  llvm::Error checkPlanned() const;
  /// `drift`: what the layers before have changed is made good.
  llvm::Error quantizeAll(llvm::StringRef tokens, bool drift);
  llvm::Error writeRandomCodes();
  /// Ends the file and makes the module refer to it.
  llvm::Error finish();

private:
  llvm::Error quantize(const Stack &stack, const InputStatistics &statistics,
                       ReferenceModel &model,
                       LayerwiseCalibration *calibration);
  llvm::Expected<WeightStack> panelsOf(const Stack &stack,
                                       const LossTable &table,
                                       const MatrixLayout &layout,
                                       LayerwiseCalibration *calibration);
  llvm::Error store(const Stack &stack, const QuantizedMatrix &matrix);
  bool isWritten(const Stack &stack) const {
    return written.contains(stack.name);
  }
  llvm::Error readWritten();
  llvm::Error replaceByWritten(const Stack &stack, ReferenceModel &model);
  llvm::Error replaceWeights(const Stack &stack, const QuantizedMatrix &matrix,
                             ReferenceModel &model);
  llvm::Error quantizeToHalf();
  llvm::Error readLosses();
  llvm::Expected<std::vector<uint32_t>> orderOf(const Stack &stack) const;
  llvm::Error roundGroups(const Stack &stack, ReferenceModel *model);
  llvm::Error quantizeGroups(const Stack &stack,
                             const InputStatistics &statistics,
                             ReferenceModel *model);
  llvm::Error quantizeAllToGroups(llvm::StringRef tokens);
  layout::MatrixOp matrixOf(const Stack &stack) const;
  bool isHalf() const;
  bool hasGroups() const;

  ModuleOp module;
  std::vector<Stack> stacks;
  std::string codes; ///< file
  QuantizationOptions options;
  Checkpoint checkpoint;
  std::unique_ptr<CodeFileWriter> writer;
  WeightReader reader;
  LossFile losses;
  std::unique_ptr<MomentFile> moments; ///< of outputs
  struct Place {
    int64_t offset = 0, bytes = 0;
  };
  llvm::StringMap<Place> written; ///< stacks in the file
};

struct Quantize : picollm::impl::QuantizeBase<Quantize> {
  using picollm::impl::QuantizeBase<Quantize>::QuantizeBase;

  void runOnOperation() override {
    if (llvm::Error error = quantize(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error quantize(ModuleOp module) {
    auto stacks = findStacks(module);
    if (!stacks)
      return stacks.takeError();
    std::string wanted;
    llvm::raw_string_ostream(wanted) << codes << ' ' << drift << ' ' << sweeps;
    auto kept = openCheckpoint(checkpoint, module, tokens, wanted);
    if (!kept)
      return kept.takeError();
    QuantizationOptions options;
    options.refinementSweeps = sweeps;
    ModuleQuantizer quantizer(module, std::move(*stacks), codes, options,
                              std::move(*kept));
    if (llvm::Error error = quantizer.open())
      return error;
    if (llvm::Error error = quantizer.checkPlanned())
      return error;
    if (llvm::Error error = random ? quantizer.writeRandomCodes()
                                   : quantizer.quantizeAll(tokens, drift))
      return error;
    return quantizer.finish();
  }
};

} // namespace

layout::MatrixOp ModuleQuantizer::matrixOf(const Stack &stack) const {
  return ModuleOp(module).lookupSymbol<layout::MatrixOp>("packed." +
                                                         stack.name);
}

/// The layout that allocate-bits planned for a stack.
static MatrixLayout layoutOf(layout::MatrixOp matrix) {
  return cast<layout::MatrixType>(matrix.getType()).getLayout();
}

bool ModuleQuantizer::isHalf() const {
  return llvm::all_of(stacks, [&](const Stack &stack) {
    return layoutOf(matrixOf(stack)).panels[0].segments[0].bits == 16 &&
           matrixOf(stack).getRef().getFile() == "-";
  });
}

bool ModuleQuantizer::hasGroups() const {
  return llvm::any_of(stacks, [&](const Stack &stack) {
    return llvm::any_of(layoutOf(matrixOf(stack)).panels, panelGroups);
  });
}

llvm::Error ModuleQuantizer::store(const Stack &stack,
                                   const QuantizedMatrix &matrix) {
  auto offset = writer->append(matrix);
  if (!offset)
    return offset.takeError();
  written[stack.name] = {*offset, writer->bytes() - *offset};
  if (!checkpoint.isKept())
    return llvm::Error::success();
  if (llvm::Error error = writer->finish())
    return error;
  return writeFile(checkpoint.file(writtenFile), [&](llvm::raw_ostream &os) {
    for (const auto &entry : written)
      os << entry.second.offset << ' ' << entry.second.bytes << ' '
         << entry.first() << '\n';
    return llvm::Error::success();
  });
}

/// Which stacks the file of codes holds.
llvm::Error ModuleQuantizer::readWritten() {
  const std::string path = checkpoint.file(writtenFile);
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!checkpoint.isKept() || !buffer)
    return llvm::Error::success();
  for (llvm::line_iterator line(**buffer); !line.is_at_end(); ++line) {
    llvm::StringRef rest = *line;
    Place place;
    if (rest.consumeInteger(10, place.offset) || !rest.consume_front(" ") ||
        rest.consumeInteger(10, place.bytes) || !rest.consume_front(" "))
      return llvm::createStringError(path +
                                     ": is not what quantisation writes");
    written[rest] = place;
  }
  return llvm::Error::success();
}

llvm::Error ModuleQuantizer::open() {
  if (llvm::Error error = readWritten())
    return error;
  int64_t bytes = 0;
  for (const auto &entry : written)
    bytes = std::max(bytes, entry.second.offset + entry.second.bytes);
  auto opened = CodeFileWriter::reopen(codes, bytes);
  if (!opened)
    return opened.takeError();
  writer = std::move(*opened);
  return llvm::Error::success();
}

/// The model goes on with what an earlier process wrote of a stack.
llvm::Error ModuleQuantizer::replaceByWritten(const Stack &stack,
                                              ReferenceModel &model) {
  auto file = readFile(codes);
  if (!file)
    return file.takeError();
  auto matrix = readCodes((*file)->getBuffer(), written[stack.name].offset,
                          layoutOf(matrixOf(stack)));
  if (!matrix)
    return llvm::createStringError(codes + ": " +
                                   llvm::toString(matrix.takeError()));
  return replaceWeights(stack, *matrix, model);
}

llvm::Error ModuleQuantizer::quantizeToHalf() {
  Progress progress("quantize", stacks.size(), "matrices");
  for (auto [index, stack] : llvm::enumerate(stacks)) {
    auto matrix = makeHalfMatrix(weightsOf(stack, reader));
    if (!matrix)
      return matrix.takeError();
    if (llvm::Error error = store(stack, *matrix))
      return error;
    progress.update(index + 1);
  }
  return llvm::Error::success();
}

/// The model goes on with what the codes stand for.
llvm::Error ModuleQuantizer::replaceWeights(const Stack &stack,
                                            const QuantizedMatrix &matrix,
                                            ReferenceModel &model) {
  size_t panel = 0;
  for (auto [source, weight] : llvm::enumerate(stack.panels)) {
    std::vector<float> values(stack.rows(source) * stack.columns);
    float *out = values.data();
    for (; out != values.data() + values.size(); ++panel)
      for (int64_t row = 0; row < matrix.layout.panels[panel].rows; ++row) {
        dequantizeRow(matrix, panel, row, out);
        out += stack.columns;
      }
    if (llvm::Error error = model.weights().replace(
            model::WeightOp(weight).getSymName(), std::move(values)))
      return error;
  }
  return llvm::Error::success();
}

static std::vector<float> takeResidual(InputDrift &drift,
                                       llvm::StringRef weight) {
  auto found = drift.residuals.find(weight);
  if (found == drift.residuals.end())
    return {};
  return std::move(found->second.values);
}

/// The floats of a stack, cut into the panels that are planned.
llvm::Expected<WeightStack>
ModuleQuantizer::panelsOf(const Stack &stack, const LossTable &table,
                          const MatrixLayout &layout,
                          LayerwiseCalibration *calibration) {
  WeightStack weights = weightsOf(stack, reader, table.rowWeights);
  for (StackPanel &panel : weights.panels) {
    if (calibration) {
      panel.residualDrift = takeResidual(*calibration->drift(), panel.name);
      panel.residualDriftOfHalf =
          takeResidual(*calibration->driftOfHalf(), panel.name);
    }
    if (!moments->contains(panel.name))
      continue;
    auto outputs = moments->read(panel.name);
    if (!outputs)
      return outputs.takeError();
    panel.outputMoment = std::move(*outputs);
  }
  if (llvm::Error error = weights.check())
    return error;
  return cutIntoPanels(std::move(weights), layout.panelRows());
}

llvm::Error ModuleQuantizer::quantize(const Stack &stack,
                                      const InputStatistics &statistics,
                                      ReferenceModel &model,
                                      LayerwiseCalibration *calibration) {
  if (isWritten(stack))
    return replaceByWritten(stack, model);
  const LossTable *table = losses.find(stack.name);
  if (!table)
    return llvm::createStringError("the file of losses has no order of '" +
                                   stack.name + "'");
  StackAllocation allocation;
  allocation.layout = layoutOf(matrixOf(stack));
  auto order = orderOf(stack);
  if (!order)
    return order.takeError();
  allocation.order = std::move(*order);
  auto weights = panelsOf(stack, *table, allocation.layout, calibration);
  if (!weights)
    return weights.takeError();
  auto quantized = quantizeStack(*weights, statistics, allocation, options);
  if (!quantized)
    return quantized.takeError();
  if (llvm::Error error = store(stack, quantized->matrix))
    return error;
  return replaceWeights(stack, quantized->matrix, model);
}

/// Of the input that is visited. Moved, not copied: they are large.
static InputStatistics takeStatistics(LayerwiseCalibration &calibration) {
  InputDrift &all = *calibration.drift(), &half = *calibration.driftOfHalf();
  InputHalf ofHalf;
  ofHalf.share = double(half.moment.tokens) / double(all.moment.tokens);
  ofHalf.moment = std::move(half.moment.values);
  ofHalf.drift = std::move(half.input.values);
  return {std::move(all.moment.values), std::move(all.input.values),
          std::move(ofHalf)};
}

/// As published GPTQ; with `model`, it goes on with what the codes stand for.
llvm::Error ModuleQuantizer::quantizeGroups(const Stack &stack,
                                            const InputStatistics &statistics,
                                            ReferenceModel *model) {
  if (isWritten(stack))
    return model ? replaceByWritten(stack, *model) : llvm::Error::success();
  QuantizationOptions published;
  published.damping = publishedDamping;
  auto quantized =
      picollm::quantizeGroups(weightsOf(stack, reader), statistics,
                              layoutOf(matrixOf(stack)), published);
  if (!quantized)
    return quantized.takeError();
  if (llvm::Error error = store(stack, quantized->matrix))
    return error;
  return model ? replaceWeights(stack, quantized->matrix, *model)
               : llvm::Error::success();
}

/// To the nearest, in the order of the input.
llvm::Error ModuleQuantizer::roundGroups(const Stack &stack,
                                         ReferenceModel *model) {
  return quantizeGroups(stack, InputStatistics::uniform(stack.columns, 1.0f),
                        model);
}

llvm::Error ModuleQuantizer::quantizeAllToGroups(llvm::StringRef tokens) {
  if (tokens.empty()) {
    Progress progress("quantize", stacks.size(), "matrices");
    for (auto [index, stack] : llvm::enumerate(stacks)) {
      if (llvm::Error error = roundGroups(stack, nullptr))
        return error;
      progress.update(index + 1);
    }
    return llvm::Error::success();
  }
  auto texts = readTokenFile(tokens);
  if (!texts)
    return texts.takeError();
  auto model = ReferenceModel::create(module, reader);
  if (!model)
    return model.takeError();
  for (const Stack &stack : stacks)
    if (stack.hasRowsOfTokens())
      if (llvm::Error error = roundGroups(stack, model->get()))
        return error;
  LayerwiseCalibration calibration(**model, std::move(texts->texts));
  return calibration.run(
      "quantize",
      [&](const LinearInput &input, const SecondMoment &moment) -> llvm::Error {
        auto stack = findStackOf(input, stacks);
        if (!stack)
          return stack.takeError();
        if (stack->hasRowsOfTokens())
          return llvm::Error::success();
        return quantizeGroups(*stack, InputStatistics{moment.values, {}, {}},
                              model->get());
      },
      checkpoint);
}

llvm::Error ModuleQuantizer::checkPlanned() const {
  for (const Stack &stack : stacks)
    if (!matrixOf(stack))
      return llvm::createStringError(
          "'" + stack.name +
          "' has no planned layout; run picollm-allocate-bits first");
  return llvm::Error::success();
}

llvm::Error ModuleQuantizer::readLosses() {
  auto file = LossFile::read(matrixOf(stacks.front()).getRef().getFile());
  if (!file)
    return file.takeError();
  losses = std::move(*file);
  return llvm::Error::success();
}

/// The planned order of a stack's columns; fails where the losses do not know
/// the stack.
llvm::Expected<std::vector<uint32_t>>
ModuleQuantizer::orderOf(const Stack &stack) const {
  if (auto order = matrixOf(stack).getOrder())
    return std::vector<uint32_t>(order->begin(), order->end());
  if (const LossTable *table = losses.find(stack.name))
    return table->order;
  return llvm::createStringError("the file of losses has no order of '" +
                                 stack.name + "'");
}

llvm::Error ModuleQuantizer::writeRandomCodes() {
  if (isHalf() || hasGroups())
    return llvm::createStringError(
        "random codes are for widths that losses have chosen");
  if (llvm::Error error = readLosses())
    return error;
  Progress progress("quantize", stacks.size(), "matrices");
  for (auto [seed, stack] : llvm::enumerate(stacks)) {
    auto order = orderOf(stack);
    if (!order)
      return order.takeError();
    if (llvm::Error error = store(stack, randomMatrix(layoutOf(matrixOf(stack)),
                                                      std::move(*order), seed)))
      return error;
    progress.update(seed + 1);
  }
  return llvm::Error::success();
}

llvm::Error ModuleQuantizer::quantizeAll(llvm::StringRef tokens, bool drift) {
  if (isHalf())
    return quantizeToHalf();
  if (hasGroups())
    return quantizeAllToGroups(tokens);
  if (llvm::Error error = readLosses())
    return error;
  auto outputs = MomentFile::open(
      momentsPath(matrixOf(stacks.front()).getRef().getFile()));
  if (!outputs)
    return outputs.takeError();
  moments = std::move(*outputs);
  auto texts = readTokenFile(tokens);
  if (!texts)
    return texts.takeError();
  auto model = ReferenceModel::create(module, reader);
  if (!model)
    return model.takeError();
  // Embeddings come first in the model, with what the float model left.
  for (const Stack &stack : stacks)
    if (stack.isEmbedding)
      if (llvm::Error error =
              quantize(stack, InputStatistics{losses.embeddingMoment, {}, {}},
                       **model, nullptr))
        return error;
  std::unique_ptr<ReferenceModel> floats;
  if (drift) {
    auto beside = ReferenceModel::create(module, reader);
    if (!beside)
      return beside.takeError();
    floats = std::move(*beside);
  }
  LayerwiseCalibration calibration(**model, std::move(texts->texts),
                                   floats.get());
  return calibration.run(
      "quantize",
      [&](const LinearInput &input, const SecondMoment &moment) -> llvm::Error {
        auto stack = findStackOf(input, stacks);
        if (!stack)
          return stack.takeError();
        if (stack->isEmbedding)
          return llvm::Error::success();
        return drift ? quantize(*stack, takeStatistics(calibration), **model,
                                &calibration)
                     : quantize(*stack, InputStatistics{moment.values, {}, {}},
                                **model, nullptr);
      },
      checkpoint);
}

llvm::Error ModuleQuantizer::finish() {
  if (llvm::Error error = writer->finish())
    return error;
  for (const Stack &stack : stacks) {
    const Place place = written[stack.name];
    layout::MatrixOp matrix = matrixOf(stack);
    matrix.setRefAttr(model::WeightRefAttr::get(
        module.getContext(), codes, place.offset, place.bytes, "codes", ""));
    matrix.removeOrderAttr();
  }
  return llvm::Error::success();
}
