//===- SelfGeneration.h - what writing texts takes --------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CALIBRATION_SELFGENERATION_H
#define PICOLLM_LIB_CALIBRATION_SELFGENERATION_H

#include "picollm/Calibration/SelfGeneration.h"

namespace picollm {

/// estimateSelfGeneration without a cache.
llvm::Expected<WritingEstimate>
measureSelfGeneration(ReferenceModel &model,
                      const SelfGenerationOptions &options);

} // namespace picollm

#endif // PICOLLM_LIB_CALIBRATION_SELFGENERATION_H
