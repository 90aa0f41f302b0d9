//===- Pipelines.h - the order of all passes --------------------*- C++ -*-===//

#ifndef PICOLLM_PIPELINES_PIPELINES_H
#define PICOLLM_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Conversion/Passes.h"
#include "picollm/Pipelines/Compile.h"
#include "picollm/Transforms/Passes.h"

namespace picollm {

/// Options of the passes that have some.
struct PipelineOptions {
  CalibrateOptions calibrate;
  AllocateBitsOptions allocate;
  QuantizeOptions quantize;
  TuneOptions tune; ///< neither minutes nor steps: without
  PackOptions pack;
  ConvertLayoutToStepOptions toStep;
  ConvertStepToLLVMOptions toLLVM;
};

/// Appends the passes that lead from the stage before `stage` to `stage`.
/// Of import only the check of the weights is a pass; object and library are
/// none.
void addStagePasses(mlir::OpPassManager &manager, Stage stage,
                    const PipelineOptions &options);

/// The stages that are passes, from layout to llvm.
void addLoweringPipeline(mlir::OpPassManager &manager,
                         const PipelineOptions &options);

/// Registers every pass of the project and the pipeline `picollm-lower`
/// (packed model to LLVM dialect).
void registerPassesAndPipelines();

} // namespace picollm

#endif // PICOLLM_PIPELINES_PIPELINES_H
