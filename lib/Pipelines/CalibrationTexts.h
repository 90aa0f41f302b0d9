//===- CalibrationTexts.h - what a model is calibrated on -------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
#define PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "picollm/Pipelines/Compile.h"

namespace picollm {

/// Up to `count` of the texts that the options name, or, where they name none,
/// so many texts that the model writes itself. `tokenizer`: the bytes of its
/// compiled tables.
llvm::Expected<TokenSequences> calibrationTexts(const CompileOptions &options,
                                                mlir::ModuleOp module,
                                                llvm::StringRef tokenizer,
                                                int64_t count);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
