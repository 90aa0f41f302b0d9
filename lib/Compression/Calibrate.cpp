//===- Calibrate.cpp - what each block loses at each width ----------------===//

#include "StackWeights.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
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

  QuantizationOptions options;
  LossFile file;
  auto measure = [&](const Stack &stack,
                     const InputStatistics &statistics) -> llvm::Error {
    auto table = measureLosses(weightsOf(stack, reader), statistics, options);
    if (!table)
      return table.takeError();
    file.tables.push_back(std::move(*table));
    return llvm::Error::success();
  };
  for (const Stack &stack : *stacks)
    if (stack.readers.empty())
      if (llvm::Error error = measure(stack, lookUpStatistics(stack)))
        return error;
  LayerwiseCalibration calibration(**reference, std::move(*texts));
  llvm::Error error = calibration.run(
      "calibrate",
      [&](const LinearInput &input, const SecondMoment &moment) -> llvm::Error {
        if (input.head)
          file.headMoment = moment.values;
        for (const Stack &stack : *stacks)
          if (llvm::is_contained(stack.readers, input.linears.front()))
            return measure(stack, InputStatistics{moment.values});
        return llvm::createStringError("no stack reads the input of '" +
                                       input.weights.front() + "'");
      });
  if (error)
    return error;
  return file.write(losses);
}
