//===- StepOps.cpp - rules of the ops of the picollm_step dialect ---------===//
//
// Every message ends with the label of the rule in dialects/SPEC.md.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Layout/MatrixSymbol.h"
#include "PicoLLM/Step/Step.h"
#include "mlir/IR/Builders.h"
#include "picollm/Layout/EncodedActivation.h"
#include <cmath>

using namespace mlir;
using namespace picollm;
using namespace picollm::step;
using picollm::layout::matrixNamed;
using picollm::layout::MatrixOp;
using picollm::layout::MatrixType;
using picollm::layout::matrixTypeOfColumns;

#define GET_OP_CLASSES
#include "PicoLLM/Step/StepOps.cpp.inc"

static int64_t columnsOf(Value value) {
  return cast<MemRefType>(value.getType()).getDimSize(1);
}

LogicalResult ProgramOp::verify() {
  auto arguments = getBody().getArguments();
  auto tokens = arguments.size() == 2
                    ? dyn_cast<MemRefType>(arguments[0].getType())
                    : MemRefType();
  auto logits =
      tokens ? dyn_cast<MemRefType>(arguments[1].getType()) : MemRefType();
  if (!logits || tokens.getRank() != 1 || !tokens.isDynamicDim(0) ||
      !tokens.getElementType().isInteger(32) || logits.getRank() != 2 ||
      !logits.isDynamicDim(0) || logits.isDynamicDim(1) ||
      !logits.getElementType().isF32())
    return emitOpError("needs two arguments, memref<?xi32> of tokens and "
                       "memref<?xVxf32> of logits (step_program_c1)");
  std::optional<int64_t> scratch = getScratchBytesPerToken();
  if (!scratch)
    return success();
  if (*scratch < 0 || *scratch % partAlignment)
    return emitOpError() << "has " << *scratch
                         << " bytes of scratch per token, expected a multiple "
                            "of 64 (step_program_c2)";
  for (BufferOp buffer : getBody().getOps<BufferOp>()) {
    if (!buffer.getOffset())
      return buffer.emitOpError("needs an offset in a program with scratch "
                                "bytes (step_program_c3)");
    int64_t end = *buffer.getOffset() + buffer.getBytesPerToken();
    if (end > *scratch)
      return buffer.emitOpError()
             << "ends at byte " << end << " per token, expected at most the "
             << "program's " << *scratch << " (step_program_c3)";
  }
  return success();
}

int64_t BufferOp::getBytesPerToken() {
  auto type = cast<MemRefType>(getResult().getType());
  return type.getDimSize(1) * type.getElementTypeBitWidth() / 8;
}

LogicalResult BufferOp::verify() {
  auto type = cast<MemRefType>(getResult().getType());
  if (!type.isDynamicDim(0) || type.isDynamicDim(1) ||
      !type.getLayout().isIdentity())
    return emitOpError() << "has type " << type
                         << ", expected a dynamic number of tokens by a static "
                            "number of elements (step_buffer_c1)";
  if (getOffset() &&
      (static_cast<int64_t>(*getOffset()) < 0 || *getOffset() % partAlignment))
    return emitOpError() << "starts at byte "
                         << static_cast<int64_t>(*getOffset())
                         << " per token, expected a multiple of 64 "
                            "(step_buffer_c2)";
  return success();
}

LogicalResult EmbeddingOp::verify() {
  if (std::optional<APFloat> scale = getScale())
    if (!scale->isFinite() || scale->isNegative() || scale->isZero())
      return emitOpError() << "has scale " << scale->convertToDouble()
                           << ", expected a positive number "
                              "(step_embedding_c3)";
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return matrixTypeOfColumns(*this, symbols, getWeightAttr(),
                             "step_embedding_c1", "output",
                             columnsOf(getOutput()), "step_embedding_c2");
}

static LogicalResult verifyEpsilon(Operation *op, APFloat value,
                                   StringRef label) {
  double epsilon = value.convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0)
    return op->emitOpError()
           << "has epsilon " << epsilon << ", expected a finite number >= 0 ("
           << label << ")";
  return success();
}

/// `norm` must name a vector that a kernel can read.
static LogicalResult verifyNorm(Operation *op, SymbolTableCollection &symbols,
                                FlatSymbolRefAttr norm, int64_t columns,
                                StringRef label) {
  auto weight = symbols.lookupNearestSymbolFrom<model::WeightOp>(op, norm);
  auto type = weight ? dyn_cast<RankedTensorType>(weight.getType())
                     : RankedTensorType();
  if (!type || type.getRank() != 1 || type.getDimSize(0) != columns ||
      weight.getRef().getEncoding() != "f32")
    return op->emitOpError()
           << "names norm " << norm << ", expected a picollm.weight of "
           << columns << " numbers stored as f32 (" << label << ")";
  return success();
}

LogicalResult AddNormOp::verify() {
  if (columnsOf(getInput()) != columnsOf(getOutput()) ||
      getInput() == getOutput())
    return emitOpError() << "has " << columnsOf(getInput()) << " and "
                         << columnsOf(getOutput())
                         << " columns of input and output, expected two "
                            "buffers of equal columns (step_add_norm_c1)";
  return verifyEpsilon(*this, getEpsilon(), "step_add_norm_c2");
}

LogicalResult AddNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyNorm(*this, symbols, getNormAttr(), columnsOf(getInput()),
                    "step_add_norm_c3");
}

LogicalResult EncodeOp::verify() {
  if (getNorm().has_value() != getEpsilon().has_value())
    return emitOpError("needs norm and epsilon together (step_encode_c4)");
  if (!getEpsilon())
    return success();
  return verifyEpsilon(*this, *getEpsilon(), "step_encode_c4");
}

LogicalResult EncodeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto type =
      matrixTypeOfColumns(*this, symbols, getWeightAttr(), "step_encode_c1",
                          "input", columnsOf(getInput()), "step_encode_c2");
  if (failed(type))
    return failure();
  int64_t bytes = encodedActivationBytes(type->getLayout());
  if (columnsOf(getOutput()) != bytes)
    return emitOpError() << "has " << columnsOf(getOutput())
                         << " output bytes, expected " << bytes
                         << " for the matrix (step_encode_c3)";
  if (!getNormAttr())
    return success();
  return verifyNorm(*this, symbols, getNormAttr(), type->getColumns(),
                    "step_encode_c5");
}

/// `add`, `silu` and `gelu_tanh` have one output; the last two join two panels.
static LogicalResult verifyEpilogue(LinearOp op, MatrixOp matrix,
                                    const MatrixLayout &layout) {
  SmallVector<PanelRange> sources = matrix.getSourcePanels();
  Epilogue epilogue = op.getEpilogue();
  bool gated = epilogue == Epilogue::SiLU || epilogue == Epilogue::GeLUTanh;
  if (epilogue == Epilogue::Add && sources.size() != 1)
    return op.emitOpError() << "adds and has " << sources.size()
                            << " sources, expected one (step_linear_c3)";
  if (gated && (sources.size() != 2 || layout.panels.size() != 2 ||
                layout.panels[0].rows != layout.panels[1].rows))
    return op.emitOpError("joins gate and up, expected two sources of one "
                          "panel each and equal rows (step_linear_c3)");
  size_t outputs = gated ? 1 : sources.size();
  if (op.getOutputs().size() != outputs)
    return op.emitOpError()
           << "has " << op.getOutputs().size() << " outputs, expected "
           << outputs << " (step_linear_c4)";
  for (auto [output, panels] : llvm::zip(op.getOutputs(), sources))
    if (columnsOf(output) != panels.rows(layout))
      return op.emitOpError()
             << "has an output of " << columnsOf(output)
             << " columns, expected the source's " << panels.rows(layout)
             << " rows (step_linear_c5)";
  return success();
}

LogicalResult LinearOp::verify() {
  for (auto [i, output] : llvm::enumerate(getOutputs()))
    for (Value other : getOutputs().drop_front(i + 1))
      if (output == other)
        return emitOpError("has the same output twice (step_linear_c6)");
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto matrix = matrixNamed(*this, symbols, getWeightAttr(), "step_linear_c1");
  if (failed(matrix))
    return failure();
  MatrixLayout layout = cast<MatrixType>(matrix->getType()).getLayout();
  int64_t bytes = encodedActivationBytes(layout);
  if (columnsOf(getInput()) != bytes)
    return emitOpError() << "has " << columnsOf(getInput())
                         << " input bytes, expected " << bytes
                         << " for the matrix (step_linear_c2)";
  return verifyEpilogue(*this, *matrix, layout);
}

LogicalResult RotationOp::verify() {
  int64_t headSize = 2 * getRotation().getFrequencies().size();
  if (columnsOf(getOutput()) != headSize)
    return emitOpError() << "has " << columnsOf(getOutput())
                         << " output columns, expected " << headSize
                         << ", two for each frequency (step_rotation_c1)";
  return success();
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (static_cast<int64_t>(getLayer()) < 0)
    return emitOpError("has a negative layer (step_attention_c1)");
  if (kvHeads <= 0 || heads <= 0 || heads % kvHeads)
    return emitOpError() << "has " << heads << " heads and " << kvHeads
                         << " KV heads, expected a positive multiple "
                            "(step_attention_c2)";
  int64_t headSize = columnsOf(getQuery()) / heads;
  if (columnsOf(getQuery()) != heads * headSize ||
      columnsOf(getOutput()) != heads * headSize ||
      columnsOf(getKey()) != kvHeads * headSize ||
      columnsOf(getValue()) != kvHeads * headSize)
    return emitOpError() << "has " << columnsOf(getQuery()) << ", "
                         << columnsOf(getKey()) << ", " << columnsOf(getValue())
                         << " and " << columnsOf(getOutput())
                         << " columns of query, key, value and output, "
                            "expected heads of one size (step_attention_c3)";
  if (getAngles() && columnsOf(getAngles()) != headSize)
    return emitOpError() << "has " << columnsOf(getAngles())
                         << " columns of angles, expected the head's "
                         << headSize << " (step_attention_c4)";
  double scale = getScale().convertToDouble();
  if (!std::isfinite(scale) || scale <= 0)
    return emitOpError() << "has scale " << scale
                         << ", expected a positive number (step_attention_c5)";
  if (getQueryNorm().has_value() != getEpsilon().has_value() ||
      getKeyNorm().has_value() != getEpsilon().has_value())
    return emitOpError("needs two norms and epsilon together "
                       "(step_attention_c6)");
  if (getEpsilon() &&
      failed(verifyEpsilon(*this, *getEpsilon(), "step_attention_c6")))
    return failure();
  if (getWindow() && static_cast<int64_t>(*getWindow()) <= 0)
    return emitOpError() << "has a window of "
                         << static_cast<int64_t>(*getWindow())
                         << " positions, expected at least 1 "
                            "(step_attention_c8)";
  if (Type cache = getCache().value_or(Type());
      cache && !cache.isF16() && !cache.isSignlessInteger(8))
    return emitOpError() << "has a cache of " << cache
                         << ", expected f16 or i8 (step_attention_c9)";
  if (cachesCodes() && getKey() == getValue())
    return emitOpError("changes the key in place, which is the value too "
                       "(step_attention_c10)");
  return success();
}

bool AttentionOp::cachesCodes() {
  return getCache() && getCache()->isSignlessInteger(8);
}

LogicalResult AttentionOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t headSize = columnsOf(getQuery()) / int64_t(getHeads());
  for (FlatSymbolRefAttr norm : {getQueryNormAttr(), getKeyNormAttr()})
    if (norm &&
        failed(verifyNorm(*this, symbols, norm, headSize, "step_attention_c7")))
      return failure();
  return success();
}
