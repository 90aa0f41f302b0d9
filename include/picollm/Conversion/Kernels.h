//===- Kernels.h - the table of inner kernels ------------------*- C++ -*-===//
//
// Names of generated functions are sentences:
//
//   dot_<family>_b<bits>_<encoding>_r32_t<tokens>_<isa>
//       one segment of one tile of 32 rows for 1 or 4 tokens, for example
//       dot_planes_b3_table4_i8_r32_t1_avx2; b3g128 where it has groups
//   product_<family>_b<bits>_codes_i8_r32_<isa>
//       the same for many tokens, for example
//       product_planes_b3_codes_i8_r32_avx2
//   linear_<epilogue>_<columns>_<number>_<isa>   driver of one distinct layout
//   finish_<epilogue>_<isa>                      sums of a tile to results
//   encode[_norm]_<columns>_<number>_<isa>       encoder of one distinct layout
//   encode_{codes_i8,table4_i8,f32}_<isa>        one block (f32: one segment);
//                                                table4_i8_sums with groups
//   embedding_<columns>_<number>_<isa>           look-up in one distinct layout
//   decode_b<bits>[g128]_<isa>                   one row of one segment
//   add_norm_<columns>_<number>_<isa>            a norm, added to what is there
//   rotation_<number>_<isa>, attention_<number>_<isa>
//   step_<isa>                                   the whole step
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_CONVERSION_KERNELS_H
#define PICOLLM_CONVERSION_KERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "picollm/Conversion/InstructionSet.h"
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
}
namespace mlir {
class OpPassManager;
}

namespace picollm {

/// One inner kernel. Its C signature:
///   void kernel(const uint8_t *weights,  // the segment within a tile
///               const uint8_t *values,   // of token 0, see
///               EncodedActivation.h const float *scales, const int32_t *sums,
///               int64_t columns,         // of the segment
///               int64_t stride,          // bytes from a token to the next
///               float *sums_of_rows);    // [tokens][32], added to
/// Weights and values are 32-byte aligned, the rows' sums 32-byte aligned.
struct DotKernel {
  int64_t bits = 0;   ///< 1..8 or 16
  int64_t tokens = 1; ///< 1 or 4
  InstructionSet isa = InstructionSet::Portable;
  int64_t group = 0; ///< of the segment, see Segment

  std::string name() const;
};

/// The kernel of a segment for many rows of activations, whose codes are
/// multiplied with levels that are unpacked once for all of them:
///   void kernel(const uint8_t *weights, const int8_t *values,
///               const float *scales, const int32_t *sums, int64_t columns,
///               int64_t stride, int64_t tokens,
///               float *sums_of_rows);    // [tokens][32], added to
struct ProductKernel {
  int64_t bits = 0; ///< 1..8
  InstructionSet isa = InstructionSet::Portable;
  int64_t group = 0; ///< of the segment, see Segment

  std::string name() const;
};

/// Every product kernel there is for `isa`.
std::vector<ProductKernel> productKernels(InstructionSet isa);

/// As getDotKernel.
mlir::func::FuncOp getProductKernel(mlir::ModuleOp module,
                                    const ProductKernel &kernel);

/// Every dot kernel there is for `isa`.
std::vector<DotKernel> dotKernels(InstructionSet isa);

/// The kernel's function in `module`, generated at the first call. Private.
mlir::func::FuncOp getDotKernel(mlir::ModuleOp module, const DotKernel &kernel);

/// Every kernel there is for `isa`, as public functions.
void addAllKernels(mlir::ModuleOp module, InstructionSet isa);

/// Prints them for all instruction sets, a line each: name, operation, width,
/// columns of a group, tile by the default schedule, CPU features needed.
void listKernels(llvm::raw_ostream &out);

/// Adds the conversions from func, scf, vector and arith to the LLVM dialect.
void addConversionsToLLVM(mlir::OpPassManager &manager);

/// After these conversions: private functions become internal, functions of
/// an instruction set get its target features and stay calls.
void setFunctionAttributes(mlir::ModuleOp module);

} // namespace picollm

#endif // PICOLLM_CONVERSION_KERNELS_H
