//===- picollm-opt.cpp - runs any pass on textual IR ----------------------===//

#include "Dialects.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Pipelines/Pipelines.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

static llvm::cl::opt<bool>
    listKernels("list-kernels",
                llvm::cl::desc("Print every inner kernel of each instruction "
                               "set, its tile and the CPU features it needs"));

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  picollm::registerDialects(registry);

  mlir::registerTransformsPasses();
  picollm::registerPassesAndPipelines();

  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "picollm optimizer driver\n", registry);
  if (listKernels) {
    picollm::listKernels(llvm::outs());
    return 0;
  }
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}
