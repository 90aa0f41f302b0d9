//===- LayoutOps.cpp - rules of the ops of the picollm_layout dialect -----===//
//
// Every message ends with the label of the rule in dialects/SPEC.md.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Layout/MatrixSymbol.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace picollm;
using namespace picollm::layout;

#define GET_OP_CLASSES
#include "PicoLLM/Layout/LayoutOps.cpp.inc"

static int64_t rowsOf(Value value) {
  return cast<ShapedType>(value.getType()).getDimSize(0);
}

static int64_t columnsOf(Value value) {
  return cast<ShapedType>(value.getType()).getDimSize(1);
}

FailureOr<MatrixOp> layout::matrixNamed(Operation *op,
                                        SymbolTableCollection &symbols,
                                        FlatSymbolRefAttr symbol,
                                        StringRef label) {
  auto matrix = symbols.lookupNearestSymbolFrom<MatrixOp>(op, symbol);
  if (!matrix || !isa<MatrixType>(matrix.getType()))
    return op->emitOpError()
           << "names " << symbol << ", expected a picollm_layout.weight ("
           << label << ")";
  return matrix;
}

FailureOr<MatrixType> layout::matrixTypeOfColumns(
    Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr symbol,
    StringRef label, StringRef what, int64_t columns, StringRef columnsLabel) {
  FailureOr<MatrixOp> matrix = matrixNamed(op, symbols, symbol, label);
  if (failed(matrix))
    return failure();
  auto type = cast<MatrixType>(matrix->getType());
  if (columns != type.getColumns())
    return op->emitOpError()
           << "has " << columns << " " << what
           << " columns, expected the matrix's " << type.getColumns() << " ("
           << columnsLabel << ")";
  return type;
}

SmallVector<PanelRange> MatrixOp::getSourcePanels() {
  SmallVector<PanelRange> ranges;
  ArrayRef<Attribute> sources = getSources().getValue();
  for (size_t panel = 0; panel < sources.size(); ++panel)
    if (panel > 0 && sources[panel] == sources[panel - 1])
      ranges.back().end = panel + 1;
    else
      ranges.push_back({panel, panel + 1});
  return ranges;
}

/// True if the numbers are 0 .. columns - 1 in any order.
static bool isPermutation(ArrayRef<int32_t> order, int64_t columns) {
  std::vector<bool> seen(columns);
  for (int32_t column : order)
    if (column >= 0 && column < columns)
      seen[column] = true;
  return int64_t(order.size()) == columns && !llvm::is_contained(seen, false);
}

LogicalResult MatrixOp::verify() {
  auto type = dyn_cast<MatrixType>(getType());
  if (!type)
    return emitOpError() << "has type " << getType()
                         << ", expected a !picollm_layout.matrix "
                            "(layout_weight_c1)";
  StringRef encoding = getRef().getEncoding();
  bool packed = encoding == "packed";
  if (!packed && encoding != "planned" && encoding != "codes")
    return emitOpError() << "refers to bytes in " << encoding
                         << ", expected planned, codes or packed "
                            "(layout_weight_c2)";
  if (packed && getRef().getOffset() % partAlignment)
    return emitOpError() << "starts at byte " << getRef().getOffset()
                         << ", expected a multiple of " << partAlignment
                         << " (layout_weight_c3)";
  int64_t bytes = matrixBytes(type.getLayout());
  if (packed && getRef().getSize() != bytes)
    return emitOpError() << "refers to " << getRef().getSize()
                         << " bytes, expected " << bytes
                         << " for its type (layout_weight_c4)";
  if (getSources().size() != type.getPanels().size())
    return emitOpError() << "has " << getSources().size() << " sources and "
                         << type.getPanels().size()
                         << " panels, expected one for each "
                            "(layout_weight_c5)";
  llvm::SmallDenseSet<Attribute> seen;
  for (PanelRange panels : getSourcePanels())
    if (!seen.insert(getSources()[panels.begin]).second)
      return emitOpError() << "has panels of the source "
                           << getSources()[panels.begin]
                           << " apart from each other, expected them in a row "
                              "(layout_weight_c6)";
  if (getOrder() &&
      (encoding != "planned" || !isPermutation(*getOrder(), type.getColumns())))
    return emitOpError("has an order, expected it of a planned matrix and to "
                       "name every column once (layout_weight_c7)");
  return success();
}

LogicalResult EmbeddingOp::verify() {
  if (std::optional<APFloat> scale = getScale())
    if (!scale->isFinite() || scale->isNegative() || scale->isZero())
      return emitOpError() << "has scale " << scale->convertToDouble()
                           << ", expected a positive number "
                              "(layout_embedding_c4)";
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(matrixTypeOfColumns(
          *this, symbols, getWeightAttr(), "layout_embedding_c1", "result",
          columnsOf(getResult()), "layout_embedding_c2")))
    return failure();
  if (rowsOf(getTokens()) != rowsOf(getResult()))
    return emitOpError(
        "needs as many result rows as tokens (layout_embedding_c3)");
  return success();
}

LogicalResult EncodeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto type =
      matrixTypeOfColumns(*this, symbols, getWeightAttr(), "layout_encode_c1",
                          "input", columnsOf(getInput()), "layout_encode_c2");
  if (failed(type))
    return failure();
  if (getResult().getType() != type->getActivationType())
    return emitOpError() << "has a result of " << getResult().getType()
                         << ", expected " << type->getActivationType()
                         << " for its matrix (layout_encode_c3)";
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto matrix =
      matrixNamed(*this, symbols, getWeightAttr(), "layout_linear_c1");
  if (failed(matrix))
    return failure();
  auto type = cast<MatrixType>(matrix->getType());
  if (getInput().getType() != type.getActivationType())
    return emitOpError() << "has an input of " << getInput().getType()
                         << ", expected " << type.getActivationType()
                         << " for its matrix (layout_linear_c2)";
  SmallVector<PanelRange> sources = matrix->getSourcePanels();
  if (getNumResults() != sources.size())
    return emitOpError() << "has " << getNumResults() << " results, expected "
                         << sources.size()
                         << ", one for each source (layout_linear_c3)";
  MatrixLayout layout = type.getLayout();
  for (auto [result, panels] : llvm::zip_equal(getResults(), sources))
    if (columnsOf(result) != panels.rows(layout))
      return emitOpError() << "has a result of " << columnsOf(result)
                           << " columns, expected the source's "
                           << panels.rows(layout) << " rows (layout_linear_c4)";
  for (Value result : getResults())
    if (rowsOf(result) != rowsOf(getResults().front()))
      return emitOpError(
          "has results of different numbers of tokens (layout_linear_c5)");
  return success();
}
