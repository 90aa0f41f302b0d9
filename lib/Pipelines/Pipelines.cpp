//===- Pipelines.cpp - the order of all passes ----------------------------===//
//
// The only place that fixes it. A model goes through these stages, top to
// bottom.
//
//===----------------------------------------------------------------------===//

#include "picollm/Pipelines/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "picollm/Conversion/Passes.h"

using namespace mlir;
using namespace picollm;

void picollm::addStagePasses(OpPassManager &manager, Stage stage,
                             const PipelineOptions &options) {
  switch (stage) {
  case Stage::Import:
    // Of what the importer has built.
    manager.addPass(createCheckWeights());
    break;
  case Stage::Calibrate:
    manager.addPass(createCalibrate(options.calibrate));
    break;
  case Stage::Allocate:
    manager.addPass(createAllocateBits(options.allocate));
    break;
  case Stage::Quantize:
    manager.addPass(createQuantize(options.quantize));
    if (options.tune.minutes > 0 || options.tune.steps > 0)
      manager.addPass(createTune(options.tune));
    break;
  case Stage::Pack:
    manager.addPass(createPack(options.pack));
    break;
  case Stage::Layout:
    manager.addPass(createConvertModelToLayout());
    manager.addPass(createCanonicalizerPass());
    break;
  case Stage::Step:
    manager.addPass(createConvertLayoutToStep(options.toStep));
    manager.addPass(createInsertBarriers());
    manager.addPass(createAssignBuffers());
    break;
  case Stage::LLVM:
    manager.addPass(createConvertStepToLLVM(options.toLLVM));
    break;
  case Stage::Object:
  case Stage::Library:
    break;
  }
}

void picollm::addLoweringPipeline(OpPassManager &manager,
                                  const PipelineOptions &options) {
  for (Stage stage : {Stage::Layout, Stage::Step, Stage::LLVM})
    addStagePasses(manager, stage, options);
}

void picollm::registerPassesAndPipelines() {
  registerCompressionPasses();
  registerTransformsPasses();
  registerPicoLLMConversionPasses();
  PassPipelineRegistration<>("picollm-lower",
                             "from a packed model to the LLVM dialect",
                             [](OpPassManager &manager) {
                               PipelineOptions options;
                               options.toLLVM.instructionSets = {"portable"};
                               addLoweringPipeline(manager, options);
                             });
}
