//===- ModelOps.cpp - rules of the ops of the picollm dialect -------------===//
//
// Every message ends with the label of the rule in dialects/SPEC.md.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Model/Model.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace mlir;
using namespace picollm::model;

#define GET_OP_CLASSES
#include "PicoLLM/Model/ModelOps.cpp.inc"

static int64_t rowsOf(Value value) {
  return cast<ShapedType>(value.getType()).getDimSize(0);
}

static int64_t columnsOf(Value value) {
  return cast<ShapedType>(value.getType()).getDimSize(1);
}

/// The shape of the picollm.weight that `symbol` names, of rank `rank`.
static FailureOr<ArrayRef<int64_t>>
weightShape(Operation *op, SymbolTableCollection &symbols,
            FlatSymbolRefAttr symbol, unsigned rank, StringRef label) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(op, symbol);
  auto type = weight ? dyn_cast<RankedTensorType>(weight.getType())
                     : RankedTensorType();
  if (!type || type.getRank() != rank)
    return op->emitOpError()
           << "names " << symbol << ", expected a picollm.weight of rank "
           << rank << " (" << label << ")";
  return type.getShape();
}

/// Bytes of an element of plain encodings; 0 for those with blocks.
static int64_t elementBytes(StringRef encoding) {
  return llvm::StringSwitch<int64_t>(encoding)
      .Case("f32", 4)
      .Cases({"f16", "bf16"}, 2)
      .Default(0);
}

LogicalResult WeightOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.getElementType().isF32() || !type.hasStaticShape() ||
      type.getRank() < 1 || type.getRank() > 2 || type.getNumElements() == 0)
    return emitOpError() << "has type " << getType()
                         << ", expected a vector or matrix of f32 with static "
                            "positive sizes (weight_c1)";
  int64_t bytes = elementBytes(getRef().getEncoding()) * type.getNumElements();
  if (bytes && bytes != getRef().getSize())
    return emitOpError() << "refers to " << getRef().getSize()
                         << " bytes, expected " << bytes << " for " << type
                         << " in " << getRef().getEncoding() << " (weight_c2)";
  if (getPlus() && !getPlus()->isFinite())
    return emitOpError() << "adds " << getPlus()->convertToDouble()
                         << ", expected a finite number (weight_c4)";
  if (!getInterleavedHeads())
    return success();
  int64_t heads = *getInterleavedHeads();
  if (type.getRank() != 2 || heads <= 0 || type.getDimSize(0) % (2 * heads))
    return emitOpError() << "has " << heads
                         << " interleaved heads, expected a matrix whose rows "
                            "are that many heads of even size (weight_c3)";
  return success();
}

LogicalResult EmbeddingOp::verify() {
  if (std::optional<APFloat> scale = getScale())
    if (!scale->isFinite() || scale->isNegative() || scale->isZero())
      return emitOpError() << "has scale " << scale->convertToDouble()
                           << ", expected a positive number (embedding_c4)";
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto shape = weightShape(*this, symbols, getWeightAttr(), 2, "embedding_c1");
  if (failed(shape))
    return failure();
  if (columnsOf(getResult()) != (*shape)[1])
    return emitOpError() << "has " << columnsOf(getResult())
                         << " result columns, expected the weight's "
                         << (*shape)[1] << " (embedding_c2)";
  if (rowsOf(getTokens()) != rowsOf(getResult()))
    return emitOpError("needs as many result rows as tokens (embedding_c3)");
  return success();
}

LogicalResult RMSNormOp::verify() {
  double epsilon = getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return emitOpError() << "has epsilon " << epsilon
                         << ", expected a finite number >= 0 (rms_norm_c3)";
  int64_t heads = getHeads().value_or(1);
  if (heads <= 0 || columnsOf(getInput()) % heads)
    return emitOpError() << "has " << heads << " heads over "
                         << columnsOf(getInput())
                         << " columns, expected a positive number that divides "
                            "them (rms_norm_c4)";
  return success();
}

LogicalResult RMSNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto shape = weightShape(*this, symbols, getWeightAttr(), 1, "rms_norm_c1");
  if (failed(shape))
    return failure();
  int64_t heads = getHeads().value_or(1);
  if (columnsOf(getInput()) != heads * (*shape)[0])
    return emitOpError() << "has " << columnsOf(getInput())
                         << " columns, expected the weight's " << (*shape)[0]
                         << " for each of " << heads << " heads (rms_norm_c2)";
  return success();
}

/// Rules 1 to 4 of linear and logits.
template <typename OpTy>
static LogicalResult verifyProduct(OpTy op, SymbolTableCollection &symbols,
                                   StringRef name) {
  auto shape =
      weightShape(op, symbols, op.getWeightAttr(), 2, (name + "_c1").str());
  if (failed(shape))
    return failure();
  if (columnsOf(op.getInput()) != (*shape)[1])
    return op.emitOpError() << "has " << columnsOf(op.getInput())
                            << " input columns, expected the weight's "
                            << (*shape)[1] << " columns (" << name << "_c2)";
  if (columnsOf(op.getResult()) != (*shape)[0])
    return op.emitOpError() << "has " << columnsOf(op.getResult())
                            << " result columns, expected the weight's "
                            << (*shape)[0] << " rows (" << name << "_c3)";
  if (rowsOf(op.getInput()) != rowsOf(op.getResult()))
    return op.emitOpError()
           << "needs as many result rows as input rows (" << name << "_c4)";
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyProduct(*this, symbols, "linear");
}

LogicalResult LogitsOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyProduct(*this, symbols, "logits");
}

LogicalResult RotaryOp::verify() {
  int64_t heads = getHeads();
  if (heads <= 0 || columnsOf(getInput()) % heads)
    return emitOpError() << "has " << heads << " heads over "
                         << columnsOf(getInput())
                         << " columns, expected a positive number that divides "
                            "them (rotary_c1)";
  int64_t pairs = getRotation().getFrequencies().size();
  if (columnsOf(getInput()) / heads != 2 * pairs)
    return emitOpError() << "has heads of " << columnsOf(getInput()) / heads
                         << " columns and " << pairs
                         << " frequencies, expected one for every two columns "
                            "(rotary_c2)";
  if (rowsOf(getPositions()) != rowsOf(getInput()))
    return emitOpError("needs a position for every row (rotary_c3)");
  return success();
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (static_cast<int64_t>(getLayer()) < 0)
    return emitOpError("has a negative layer (attention_c1)");
  if (kvHeads <= 0 || heads <= 0 || heads % kvHeads)
    return emitOpError() << "has " << heads << " heads and " << kvHeads
                         << " KV heads, expected a positive multiple "
                            "(attention_c2)";
  int64_t headSize = columnsOf(getQuery()) / heads;
  if (columnsOf(getQuery()) != heads * headSize ||
      columnsOf(getKey()) != kvHeads * headSize ||
      columnsOf(getValue()) != kvHeads * headSize)
    return emitOpError() << "has " << columnsOf(getQuery()) << ", "
                         << columnsOf(getKey()) << " and "
                         << columnsOf(getValue())
                         << " columns of query, key and value, expected heads "
                            "of one size (attention_c3)";
  if (getResult().getType() != getQuery().getType())
    return emitOpError("needs a result of the type of the query "
                       "(attention_c4)");
  for (Value operand : {getKey(), getValue(), getPositions()})
    if (rowsOf(operand) != rowsOf(getQuery()))
      return emitOpError("needs query, key, value and position for every token "
                         "(attention_c5)");
  double scale = getScale().convertToDouble();
  if (!std::isfinite(scale) || scale <= 0)
    return emitOpError() << "has scale " << scale
                         << ", expected a positive number (attention_c6)";
  if (getWindow() && static_cast<int64_t>(*getWindow()) <= 0)
    return emitOpError() << "has a window of "
                         << static_cast<int64_t>(*getWindow())
                         << " positions, expected at least 1 (attention_c7)";
  return success();
}

OpFoldResult WantedOp::fold(FoldAdaptor) {
  if (getInput().getDefiningOp<WantedOp>())
    return getInput();
  return {};
}
