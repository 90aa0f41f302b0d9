//===- HalideTarget.h - LLVM targets in Halide's words ----------*- C++ -*-===//

#ifndef PICOLLM_ATTENTION_HALIDETARGET_H
#define PICOLLM_ATTENTION_HALIDETARGET_H

#include "picollm/Attention/Attention.h"

namespace picollm::attention {

/// The part of a target that changes the attention object.
struct HalideTarget {
  std::string name;         ///< Halide target, as "x86-64-linux-avx-avx2-sse41"
  std::string suffix;       ///< of the symbol, as "avx2_f16c_fma" or "baseline"
  std::string llvmFeatures; ///< for code generation, as "+avx2,+f16c,+fma"
};

/// Fails for an architecture or system without attention kernels.
llvm::Expected<HalideTarget> selectHalideTarget(const AttentionTarget &target);

llvm::Error checkShape(const AttentionShape &shape);

/// Offsets into the workspace, in floats. Packed queries lie at 0.
struct WorkspaceLayout {
  int64_t state = 0, keys = 0, values = 0, total = 0;
};
WorkspaceLayout workspaceLayout(const AttentionShape &shape);

} // namespace picollm::attention

#endif // PICOLLM_ATTENTION_HALIDETARGET_H
