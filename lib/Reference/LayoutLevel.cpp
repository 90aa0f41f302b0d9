//===- LayoutLevel.cpp - evaluation of picollm_layout ops -----------------===//

#include "PicoLLM/Layout/LayoutDialect.h"
#include "picollm/Reference/Evaluation.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;
using SharedMatrix = std::shared_ptr<const QuantizedMatrix>;

static Error evaluate(layout::EmbeddingOp op, Evaluation &e) {
  Expected<SharedMatrix> weight = e.packed.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  Matrix rows =
      packedEmbedding(**weight, e.get<std::vector<int32_t>>(op.getTokens()));
  if (op.getScale())
    rows = scaled(std::move(rows), op.getScale()->convertToDouble());
  e.values[op.getResult()] = std::move(rows);
  return Error::success();
}

static Error evaluate(layout::EncodeOp op, Evaluation &e) {
  Expected<SharedMatrix> weight = e.packed.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  const Matrix &input = e.matrix(op.getInput());
  EncodedRows encoded =
      encodeRows(**weight, input, rowCounts(input.rows, e.spans));
  e.values[op.getResult()] = std::move(encoded);
  return Error::success();
}

Expected<std::vector<Matrix>>
picollm::packedProducts(mlir::Operation *op, mlir::FlatSymbolRefAttr weight,
                        const EncodedRows &x, PackedWeights &packed) {
  Expected<SharedMatrix> values = packed.get(weight.getValue());
  if (!values)
    return values.takeError();
  auto matrix =
      mlir::SymbolTable::lookupNearestSymbolFrom<layout::MatrixOp>(op, weight);
  std::vector<Matrix> products;
  for (PanelRange panels : matrix.getSourcePanels())
    products.push_back(packedLinear(**values, panels, x));
  return products;
}

static Error evaluate(layout::LinearOp op, Evaluation &e) {
  Expected<std::vector<Matrix>> products = packedProducts(
      op, op.getWeightAttr(), e.get<EncodedRows>(op.getInput()), e.packed);
  if (!products)
    return products.takeError();
  for (auto [value, product] : llvm::zip_equal(op.getResults(), *products))
    e.values[value] = std::move(product);
  return Error::success();
}

template <typename Op> static void enter(EvaluationTable &table) {
  table[Op::getOperationName()] = [](mlir::Operation *op, Evaluation &e) {
    return evaluate(llvm::cast<Op>(op), e);
  };
}

void picollm::addLayoutLevel(EvaluationTable &table) {
  enter<layout::EmbeddingOp>(table);
  enter<layout::EncodeOp>(table);
  enter<layout::LinearOp>(table);
}
