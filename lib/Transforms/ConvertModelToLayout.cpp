//===- ConvertModelToLayout.cpp - products by packed matrices -------------===//

#include "PicoLLM/Layout/LayoutDialect.h"
#include "mlir/IR/Builders.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace picollm {
#define GEN_PASS_DEF_CONVERTMODELTOLAYOUT
#include "picollm/Transforms/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;
using layout::MatrixOp;
using layout::MatrixType;

namespace {

/// Where the rows of a weight of the model are now.
struct PackedWeight {
  MatrixOp matrix;
  unsigned source = 0; ///< number of the weight among those of the matrix
  int64_t rows = 0;
};

struct ConvertModelToLayout
    : picollm::impl::ConvertModelToLayoutBase<ConvertModelToLayout> {
  void runOnOperation() override;

private:
  LogicalResult findPackedWeights();
  FailureOr<PackedWeight> packedWeight(Operation *op, StringRef weight);
  LogicalResult convertEmbedding(model::EmbeddingOp op);
  template <typename OpTy> LogicalResult collectProduct(OpTy op);
  void convertProducts();

  llvm::StringMap<PackedWeight> packed;
  /// The products of one input with sources of one matrix, in order.
  using Group = std::pair<Value, Operation *>;
  llvm::MapVector<Group, SmallVector<std::pair<Operation *, unsigned>>> groups;
};

MatrixType typeOf(MatrixOp matrix) {
  return cast<MatrixType>(matrix.getType());
}

} // namespace

LogicalResult ConvertModelToLayout::findPackedWeights() {
  for (auto matrix : getOperation().getOps<MatrixOp>()) {
    MatrixLayout layout = typeOf(matrix).getLayout();
    for (auto [number, panels] : llvm::enumerate(matrix.getSourcePanels())) {
      StringRef source =
          cast<StringAttr>(matrix.getSources()[panels.begin]).getValue();
      auto [it, isNew] = packed.try_emplace(
          source, PackedWeight{matrix, unsigned(number), panels.rows(layout)});
      if (!isNew)
        return matrix.emitOpError()
               << "has the source '" << source
               << "', expected each source in one matrix, found it in @"
               << it->second.matrix.getSymName() << " too";
    }
  }
  return success();
}

FailureOr<PackedWeight> ConvertModelToLayout::packedWeight(Operation *op,
                                                           StringRef weight) {
  auto it = packed.find(weight);
  if (it == packed.end())
    return op->emitOpError()
           << "uses weight '" << weight
           << "', which is a source of no picollm_layout.weight; pack it first";
  return it->second;
}

/// The packed form must have the shape that the model's op computes with.
static LogicalResult checkShape(Operation *op, MatrixType type, int64_t rows,
                                int64_t packedRows, int64_t columns) {
  if (packedRows == rows && type.getColumns() == columns)
    return success();
  return op->emitOpError() << "uses a weight of " << rows << " x " << columns
                           << ", expected the same of its packed form, found "
                           << packedRows << " x " << type.getColumns();
}

LogicalResult ConvertModelToLayout::convertEmbedding(model::EmbeddingOp op) {
  FailureOr<PackedWeight> weight = packedWeight(op, op.getWeight());
  if (failed(weight))
    return failure();
  MatrixOp matrix = weight->matrix;
  MatrixType type = typeOf(matrix);
  if (matrix.getSourcePanels().size() != 1)
    return op.emitOpError() << "looks up rows of '" << op.getWeight()
                            << "', expected a matrix of its own, found other "
                               "sources in @"
                            << matrix.getSymName();
  auto columns = cast<ShapedType>(op.getResult().getType()).getDimSize(1);
  int64_t rows = type.getLayout().rows();
  if (failed(checkShape(op, type, rows, rows, columns)))
    return failure();
  OpBuilder builder(op);
  auto packedOp = layout::EmbeddingOp::create(
      builder, op.getLoc(), op.getResult().getType(), matrix.getSymName(),
      op.getTokens(), op.getScaleAttr());
  op.replaceAllUsesWith(packedOp.getResult());
  op.erase();
  return success();
}

template <typename OpTy>
LogicalResult ConvertModelToLayout::collectProduct(OpTy op) {
  FailureOr<PackedWeight> weight = packedWeight(op, op.getWeight());
  if (failed(weight))
    return failure();
  MatrixType type = typeOf(weight->matrix);
  auto input = cast<ShapedType>(op.getInput().getType());
  auto result = cast<ShapedType>(op.getResult().getType());
  if (failed(checkShape(op, type, result.getDimSize(1), weight->rows,
                        input.getDimSize(1))))
    return failure();
  groups[{op.getInput(), weight->matrix}].push_back({op, weight->source});
  return success();
}

void ConvertModelToLayout::convertProducts() {
  for (auto &[group, products] : groups) {
    auto matrix = cast<MatrixOp>(group.second);
    MatrixType type = typeOf(matrix);
    Operation *first = products.front().first;
    // Not the key: that may be the result of a product already replaced.
    Value input = first->getOperand(0);
    OpBuilder builder(first);
    auto encode = layout::EncodeOp::create(builder, first->getLoc(),
                                           type.getActivationType(), input,
                                           matrix.getSymName());
    auto inputType = cast<RankedTensorType>(input.getType());
    SmallVector<Type> results;
    MatrixLayout layout = type.getLayout();
    for (PanelRange panels : matrix.getSourcePanels())
      results.push_back(
          RankedTensorType::get({inputType.getDimSize(0), panels.rows(layout)},
                                inputType.getElementType()));
    auto linear =
        layout::LinearOp::create(builder, first->getLoc(), results,
                                 encode.getResult(), matrix.getSymName());
    for (auto [product, source] : products)
      product->getResult(0).replaceAllUsesWith(linear.getResult(source));
  }
  for (auto &[group, products] : groups)
    for (auto [product, source] : products)
      product->erase();
}

void ConvertModelToLayout::runOnOperation() {
  packed.clear();
  groups.clear();
  if (failed(findPackedWeights()))
    return signalPassFailure();
  WalkResult result = getOperation().walk([&](Operation *op) {
    LogicalResult converted = success();
    if (auto embedding = dyn_cast<model::EmbeddingOp>(op))
      converted = convertEmbedding(embedding);
    else if (auto linear = dyn_cast<model::LinearOp>(op))
      converted = collectProduct(linear);
    else if (auto logits = dyn_cast<model::LogitsOp>(op))
      converted = collectProduct(logits);
    return failed(converted) ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (result.wasInterrupted())
    return signalPassFailure();
  convertProducts();
  for (auto weight :
       llvm::make_early_inc_range(getOperation().getOps<model::WeightOp>()))
    if (packed.contains(weight.getSymName()) &&
        SymbolTable::symbolKnownUseEmpty(weight, getOperation()))
      weight.erase();
}
