//===- StackWeights.h - the floats of a stack -------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H
#define PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H

#include "picollm/Compression/Stacks.h"
#include "picollm/Import/WeightReader.h"
#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// The stack for quantisation; reads through `reader`, which must outlive it.
WeightStack weightsOf(const Stack &stack, WeightReader &reader);

/// The statistics of an embedding that is only looked up: every token as
/// likely as any other.
InputStatistics lookUpStatistics(const Stack &stack);

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H
