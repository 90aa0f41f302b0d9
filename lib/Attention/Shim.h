//===- Shim.h - the C functions around the Halide functions -----*- C++ -*-===//

#ifndef PICOLLM_ATTENTION_SHIM_H
#define PICOLLM_ATTENTION_SHIM_H

#include "picollm/Attention/Attention.h"

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace picollm::attention {

/// A module that defines `name`, and that name followed by "_part" and
/// "_merge", with the contracts of Attention.h on top of the six functions of
/// Generator/Kernels.h, which it declares. It describes the operands by
/// halide_buffer_t structs on its stack.
std::unique_ptr<llvm::Module> buildShim(llvm::LLVMContext &context,
                                        const AttentionShape &shape,
                                        const std::string &name);

} // namespace picollm::attention

#endif // PICOLLM_ATTENTION_SHIM_H
