//===- Rotation.h - angles of rotary embeddings -----------------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_ROTATION_H
#define PICOLLM_LIB_IMPORT_ROTATION_H

#include "picollm/Import/ModelFile.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace picollm {

/// Radians per position of the rotated pairs (dimensions / 2 of them), all
/// scaling applied. `factors` divides each (Llama 3); empty: none.
std::vector<double> rotaryFrequencies(const RotaryDescription &rotary,
                                      llvm::ArrayRef<float> factors);

/// The factor on cosine and sine.
double rotaryScale(const RotaryDescription &rotary);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_ROTATION_H
