//===- CalibrationTexts.h - what a model is calibrated on -------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
#define PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "picollm/Pipelines/Compile.h"

namespace picollm {

/// The texts that the options name, or, where they name none, texts that the
/// model writes itself. `tokenizer`: the bytes of its compiled tables.
llvm::Expected<TokenSequences> calibrationTexts(const CompileOptions &options,
                                                mlir::ModuleOp module,
                                                llvm::StringRef tokenizer);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
