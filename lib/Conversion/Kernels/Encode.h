//===- Encode.h - one block of an encoded activation ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_ENCODE_H
#define PICOLLM_LIB_CONVERSION_KERNELS_ENCODE_H

#include "../KernelBuilder.h"
#include "picollm/Layout/Layout.h"

namespace picollm {

struct EncodeVariant {
  ActivationEncoding encoding;
  int64_t orderBytes; ///< of an entry of the column order: 2 or 4
  bool groups;        ///< the segment has groups: table4_i8 needs sums
};

/// The largest |x| of `count` numbers as f32; load(i) gives `lanes` of them.
Value largestMagnitude(KernelBuilder &k, Value count, int64_t lanes,
                       llvm::function_ref<Value(Value)> load);

/// roundeven(x * inverse) in -largest .. largest as `words`; a NaN gives
/// `largest`.
Value quantize(KernelBuilder &k, Value x, Value inverse, float largest,
               Type words);

/// largest / maximum, or 0 where all is 0; scalars.
Value inverseScale(KernelBuilder &k, Value maximum, float largest);

/// The function that encodes one block; its arguments are in Encode.cpp.
mlir::func::FuncOp getEncodeBlock(mlir::ModuleOp module, InstructionSet isa,
                                  const EncodeVariant &variant);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_ENCODE_H
