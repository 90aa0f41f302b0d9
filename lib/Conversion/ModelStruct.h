//===- ModelStruct.h - what a compiled model exports ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_MODELSTRUCT_H
#define PICOLLM_LIB_CONVERSION_MODELSTRUCT_H

#include "mlir/IR/BuiltinOps.h"
#include <array>
#include <string>
#include <vector>

namespace picollm {

/// The members of picollm_compiled_model, see abi.h.
struct ModelStruct {
  std::string name, architecture;
  std::array<uint8_t, 16> buildId{};
  int64_t weightsBytes = 0, vocabulary = 0, context = 0, layers = 0,
          embedding = 0, kvHeads = 0, headSize = 0;
  int64_t kvBytesPerPosition = 0;
  int64_t scratchBytesPerToken = 0, scratchBytesPerThread = 0,
          scratchBytesShared = 0;
  struct Variant {
    std::string cpuFeatures;
    std::string step; ///< symbol of its llvm.func
  };
  std::vector<Variant> variants;
};

/// Adds the struct, what it points to and the exported function to a module of
/// the LLVM dialect.
void emitModelStruct(mlir::ModuleOp module, const ModelStruct &model);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_MODELSTRUCT_H
