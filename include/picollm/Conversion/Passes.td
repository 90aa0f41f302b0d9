//===- Passes.td - from the step to the LLVM dialect -------*- tablegen -*-===//

#ifndef PICOLLM_CONVERSION_PASSES_TD
#define PICOLLM_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertStepToLLVM : Pass<"picollm-convert-step-to-llvm", "::mlir::ModuleOp"> {
  let summary = "the step as LLVM functions, one variant per instruction set";
  let description = [{
    The module has one `picollm_step.program` whose buffers have offsets, the
    weights that it names, all in the weight file, and the attributes
    `picollm.config`, `picollm.build_id` (32 hexadecimal digits) and
    `picollm.weights_bytes`. The result is a module of the LLVM dialect that
    exports `picollm_<name>_model`, see runtime/include/picollm/abi.h. It calls
    one attention function per variant (include/picollm/Attention/Attention.h).
  }];
  let options = [
    ListOption<"instructionSets", "isa", "std::string",
               "instruction sets of the variants, best first: avx512gfni, avx512, "
               "avxvnni, avx2, "
               "i8mm, dotprod, neon, portable">,
    Option<"triple", "triple", "std::string", "\"x86_64-unknown-linux-gnu\"",
           "target of the attention functions">,
    Option<"features", "features", "std::string", "\"\"",
           "features needed besides those of the instruction set, "
           "comma-separated">,
    Option<"schedule", "schedule", "std::string", "\"\"",
           "file of how kernels are laid out instead of the default, see "
           "include/picollm/Conversion/Schedule.h">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def GenerateKernels : Pass<"picollm-generate-kernels", "::mlir::ModuleOp"> {
  let summary = "every dot and product kernel of an instruction set";
  let description = [{
    Adds them to the module as functions of the LLVM dialect that can be called
    from outside, to look at their code or to measure it:

        echo 'module {}' | picollm-opt --picollm-generate-kernels=isa=avx2 |
          mlir-translate --mlir-to-llvmir | opt -O3 | llc -O3

    The table that it goes through is include/picollm/Conversion/Kernels.h.
  }];
  let options = [
    Option<"instructionSet", "isa", "std::string", "\"portable\"",
           "instruction set: avx512gfni, avx512, avxvnni, avx2, i8mm, dotprod, neon or "
           "portable">,
    Option<"schedule", "schedule", "std::string", "\"\"",
           "as of picollm-convert-step-to-llvm">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // PICOLLM_CONVERSION_PASSES_TD
