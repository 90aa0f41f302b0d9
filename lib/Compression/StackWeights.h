//===- StackWeights.h - the floats of a stack -------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H
#define PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H

#include "picollm/Compression/Stacks.h"
#include "picollm/Import/WeightReader.h"
#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// The stack for quantisation; reads through `reader`, which must outlive it.
/// `rowWeights`: f_i of all rows, see WeightStack::rowWeights.
WeightStack weightsOf(const Stack &stack, WeightReader &reader,
                      llvm::ArrayRef<float> rowWeights = {});

/// Where the second moments of outputs are that belong to a file of losses.
inline std::string momentsPath(llvm::StringRef losses) {
  return (losses + ".moments").str();
}

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_STACKWEIGHTS_H
