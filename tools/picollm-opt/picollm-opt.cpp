//===- picollm-opt.cpp - runs any pass on textual IR ----------------------===//

#include "Dialects.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "picollm/Pipelines/Pipelines.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  picollm::registerDialects(registry);

  mlir::registerTransformsPasses();
  picollm::registerPassesAndPipelines();

  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "picollm optimizer driver\n", registry));
}
