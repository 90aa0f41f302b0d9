//===- CalibrationTexts.h - what a model is calibrated on -------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
#define PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H

#include "mlir/IR/BuiltinOps.h"
#include "picollm/Calibration/CalibrationSet.h"
#include "picollm/Pipelines/Compile.h"

namespace picollm {

struct CalibrationSets {
  CalibrationSet calibration;
  /// `factor` times as much, as far as there is so much; what calibration has
  /// not seen comes first.
  CalibrationSet tuning;
  /// With `estimate`, what it would take the model to write them: then they
  /// only begin as they would.
  double writingSeconds = 0;
};

/// The texts that the options name, or, where they name none, texts that the
/// model writes itself. For a task, its items instead; texts that are named
/// beside it come before the items, but nothing counts of them. `tokenizer`:
/// the bytes of its compiled tables.
llvm::Expected<CalibrationSets>
readCalibrationSets(const CompileOptions &options, mlir::ModuleOp module,
                    llvm::StringRef tokenizer, int64_t factor);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_CALIBRATIONTEXTS_H
