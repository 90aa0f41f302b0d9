//===- ObjectCode.h - bitcode and shim to an object -------------*- C++ -*-===//

#ifndef PICOLLM_ATTENTION_OBJECTCODE_H
#define PICOLLM_ATTENTION_OBJECTCODE_H

#include "HalideTarget.h"

namespace llvm {
class Module;
class raw_pwrite_stream;
} // namespace llvm

namespace picollm::attention {

/// Links the Halide functions of `bitcodePath` into `shim`, hides everything
/// but the shim's own function, and writes the object to `output`.
llvm::Error emitObject(std::unique_ptr<llvm::Module> shim,
                       const std::string &bitcodePath,
                       const std::string &triple, const HalideTarget &target,
                       llvm::raw_pwrite_stream &output);

} // namespace picollm::attention

#endif // PICOLLM_ATTENTION_OBJECTCODE_H
