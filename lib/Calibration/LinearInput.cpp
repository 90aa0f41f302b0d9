//===- LinearInput.cpp - activations that weights multiply ----------------===//

#include "picollm/Calibration/LinearInput.h"
#include "Products.h"
#include "llvm/ADT/MapVector.h"

using namespace picollm;

std::vector<LinearInput> picollm::findLinearInputs(ReferenceModel &model) {
  llvm::MapVector<mlir::Value, LinearInput> byValue;
  for (mlir::Operation *op : model.operations()) {
    llvm::StringRef weight = weightOfProduct(op);
    if (weight.empty())
      continue;
    LinearInput &input = byValue[op->getOperand(0)];
    if (input.linears.empty()) {
      input.value = op->getOperand(0);
      input.columns =
          llvm::cast<mlir::ShapedType>(input.value.getType()).getDimSize(1);
    }
    input.linears.push_back(op);
    input.weights.push_back(weight.str());
    input.head |= llvm::isa<model::LogitsOp>(op);
  }
  std::vector<LinearInput> inputs;
  for (auto &[value, input] : byValue)
    inputs.push_back(std::move(input));
  return inputs;
}
