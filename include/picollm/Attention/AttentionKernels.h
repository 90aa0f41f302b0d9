//===- AttentionKernels.h - builds attention objects ------------*- C++ -*-===//

#ifndef PICOLLM_ATTENTION_ATTENTIONKERNELS_H
#define PICOLLM_ATTENTION_ATTENTIONKERNELS_H

#include "picollm/Attention/Attention.h"

namespace picollm {

/// Where buildAttention finds its generator and keeps what it made.
struct AttentionOptions {
  /// The program picollm-attention-generator; "" looks beside the running
  /// program, then where the build put it.
  std::string generator;
  /// Folder of finished objects; "" is $XDG_CACHE_HOME/picollm, else
  /// ~/.cache/picollm. Made where missing.
  std::string cacheDirectory;
};

/// Path of a relocatable object that defines attentionFunctionName(shape,
/// target), and that name followed by "_part" and "_merge". Runs the Halide
/// generator unless the cache has the object; the key is everything that goes
/// into it, the generator program included. Several processes and threads may
/// call it at once.
llvm::Expected<std::string>
buildAttention(const AttentionShape &shape, const AttentionTarget &target,
               const AttentionOptions &options = {});

} // namespace picollm

#endif // PICOLLM_ATTENTION_ATTENTIONKERNELS_H
