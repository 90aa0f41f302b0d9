//===- ConvertLayoutToStep.cpp - @forward as a step on buffers ------------===//
//
// Ops are visited in order. Those that compute (embedding, encode, linear,
// attention, add of a norm) look backwards for what they absorb (norm, wanted,
// rotary) and forwards for what takes their result (add, gated); whatever is
// absorbed by nobody has no buffer, and whoever needs its value refuses.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Step/Step.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace picollm {
#define GEN_PASS_DEF_CONVERTLAYOUTTOSTEP
#include "picollm/Transforms/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;
using step::Epilogue;

namespace {

class StepEmitter {
public:
  StepEmitter(func::FuncOp forward, KVCacheType kvCache)
      : forward(forward), kvCache(kvCache), builder(forward) {}

  /// Writes the program before the function. On failure a part of it remains.
  LogicalResult emit();

private:
  LogicalResult checkSignature();
  LogicalResult emitOp(Operation &op);
  LogicalResult emitEmbedding(layout::EmbeddingOp op);
  LogicalResult emitEncode(layout::EncodeOp op);
  LogicalResult emitLinear(layout::LinearOp op);
  LogicalResult emitAttention(model::AttentionOp op);
  LogicalResult emitAdd(model::AddOp op);
  LogicalResult finish(func::ReturnOp op);

  bool emitResidual(layout::LinearOp op);
  bool emitGated(layout::LinearOp op);
  bool emitAddNorm(model::AddOp op);
  void createLinear(layout::LinearOp op, Epilogue epilogue, bool wanted,
                    ValueRange outputs);

  Value createBuffer(Location loc, Type elementType, int64_t columns);
  Value createFloats(Value tensor);
  FailureOr<Value> bufferOf(Operation *reader, Value value);
  FailureOr<Value> anglesOf(model::AttentionOp op, model::RotaryOp query,
                            model::RotaryOp key);
  LogicalResult checkNorms(model::AttentionOp op, model::RMSNormOp query,
                           model::RMSNormOp key);

  func::FuncOp forward;
  KVCacheType kvCache;
  OpBuilder builder;
  step::ProgramOp program;
  /// From tensors and encoded activations to the memory that holds them.
  llvm::DenseMap<Value, Value> buffers;
  /// Encoded activations that hold only the wanted tokens.
  llvm::DenseSet<Value> wantedActivations;
  /// Adds and gates that are part of a linear.
  llvm::DenseSet<Operation *> absorbed;
  llvm::DenseMap<Attribute, Value> angles;
};

/// The user of `value` if it is its only use and an OpTy.
template <typename OpTy> OpTy onlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<OpTy>(*value.getUsers().begin()) : OpTy();
}

/// True for a norm of whole rows, which is not one of heads.
bool isOfRows(model::RMSNormOp norm) {
  return norm.getHeads().value_or(1) == 1;
}

/// A query or key and what attention absorbs of its making, last op first.
struct AttentionOperand {
  explicit AttentionOperand(Value value) : source(value) {
    rotary = take<model::RotaryOp>();
    norm = take<model::RMSNormOp>();
  }

  Value source; ///< which has a buffer
  model::RotaryOp rotary;
  model::RMSNormOp norm;
  bool hasOneReader = true; ///< of every value on the way

private:
  template <typename OpTy> OpTy take() {
    auto op = source.getDefiningOp<OpTy>();
    if (op) {
      source = op.getInput();
      hasOneReader &= op->hasOneUse() && source.hasOneUse();
    }
    return op;
  }
};

/// True if `value`, directly or through ops that others absorb, is read by an
/// op after `op` other than `sum`.
bool isReadAfter(Value value, Operation *op, Operation *sum) {
  SmallVector<Value> pending = {value};
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (isa<model::RMSNormOp, model::WantedOp, model::RotaryOp>(user))
        pending.push_back(user->getResult(0));
      else if (user != sum && !user->isBeforeInBlock(op))
        return true;
    }
  return false;
}

} // namespace

//===-- Buffers
//-------------------------------------------------------------===//

Value StepEmitter::createBuffer(Location loc, Type elementType,
                                int64_t columns) {
  auto type = MemRefType::get({ShapedType::kDynamic, columns}, elementType);
  return step::BufferOp::create(builder, loc, type, IntegerAttr());
}

/// A buffer for a tensor of tokens x columns, from now on its place.
Value StepEmitter::createFloats(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return buffers[tensor] = createBuffer(tensor.getLoc(), type.getElementType(),
                                        type.getDimSize(1));
}

FailureOr<Value> StepEmitter::bufferOf(Operation *reader, Value value) {
  if (Value buffer = buffers.lookup(value))
    return buffer;
  InFlightDiagnostic error =
      reader->emitOpError("has no form on the step level: ");
  if (Operation *producer = value.getDefiningOp())
    error << "it reads the result of '" << producer->getName()
          << "', which only the op that follows it in a transformer can absorb";
  else
    error << "it reads an argument of the function";
  return failure();
}

//===-- Ops
//-----------------------------------------------------------------===//

LogicalResult StepEmitter::emitEmbedding(layout::EmbeddingOp op) {
  if (op.getTokens() != forward.getArgument(0))
    return op.emitOpError("looks up something else than the tokens of the "
                          "step, the first argument of @forward");
  Value output = createFloats(op.getResult());
  step::EmbeddingOp::create(builder, op.getLoc(), op.getWeight(),
                            program.getBody().getArgument(0), op.getScaleAttr(),
                            output);
  return success();
}

LogicalResult StepEmitter::emitEncode(layout::EncodeOp op) {
  Value input = op.getInput();
  model::RMSNormOp norm;
  bool wanted = false;
  // Norm and wanted both work on single rows: they may come in either order.
  while (true) {
    if (auto wantedOp = input.getDefiningOp<model::WantedOp>()) {
      wanted = true;
      input = wantedOp.getInput();
    } else if (auto normOp = input.getDefiningOp<model::RMSNormOp>();
               normOp && !norm && isOfRows(normOp)) {
      norm = normOp;
      input = normOp.getInput();
    } else {
      break;
    }
  }
  FailureOr<Value> source = bufferOf(op, input);
  if (failed(source))
    return failure();
  auto matrix = SymbolTable::lookupNearestSymbolFrom<layout::MatrixOp>(
      op, op.getWeightAttr());
  MatrixLayout layout = cast<layout::MatrixType>(matrix.getType()).getLayout();
  Value output = createBuffer(op.getLoc(), builder.getI8Type(),
                              encodedActivationBytes(layout));
  buffers[op.getResult()] = output;
  if (wanted)
    wantedActivations.insert(op.getResult());
  step::EncodeOp::create(builder, op.getLoc(), *source, op.getWeightAttr(),
                         norm ? norm.getWeightAttr() : FlatSymbolRefAttr(),
                         norm ? norm.getEpsilonAttr() : FloatAttr(),
                         wanted ? builder.getUnitAttr() : UnitAttr(), output);
  return success();
}

void StepEmitter::createLinear(layout::LinearOp op, Epilogue epilogue,
                               bool wanted, ValueRange outputs) {
  step::LinearOp::create(
      builder, op.getLoc(),
      step::EpilogueAttr::get(builder.getContext(), epilogue),
      wanted ? builder.getUnitAttr() : UnitAttr(),
      buffers.lookup(op.getInput()), op.getWeightAttr(), outputs);
}

/// A sum with a value that nobody reads any more: adds to its buffer.
bool StepEmitter::emitResidual(layout::LinearOp op) {
  if (op.getNumResults() != 1)
    return false;
  auto sum = onlyUser<model::AddOp>(op.getResult(0));
  if (!sum)
    return false;
  Value other = sum.getLhs() == op.getResult(0) ? sum.getRhs() : sum.getLhs();
  Value residual = buffers.lookup(other);
  if (!residual || isReadAfter(other, op, sum))
    return false;
  createLinear(op, Epilogue::Add, /*wanted=*/false, residual);
  buffers[sum.getResult()] = residual;
  absorbed.insert(sum);
  return true;
}

/// Two panels whose results are gate and up: stores function(gate) * up.
bool StepEmitter::emitGated(layout::LinearOp op) {
  auto input = cast<layout::ActivationType>(op.getInput().getType());
  if (op.getNumResults() != 2 || input.getPanels().size() != 2)
    return false;
  auto gated = onlyUser<model::GatedOp>(op.getResult(0));
  if (!gated || gated.getGate() != op.getResult(0) ||
      onlyUser<model::GatedOp>(op.getResult(1)) != gated)
    return false;
  bool isSiLU = gated.getFunction() == model::GateFunction::SiLU;
  createLinear(op, isSiLU ? Epilogue::SiLU : Epilogue::GeLUTanh,
               /*wanted=*/false, createFloats(gated.getResult()));
  absorbed.insert(gated);
  return true;
}

LogicalResult StepEmitter::emitLinear(layout::LinearOp op) {
  if (failed(bufferOf(op, op.getInput())))
    return failure();
  bool wanted = wantedActivations.contains(op.getInput());
  bool returned =
      op.getNumResults() == 1 && onlyUser<func::ReturnOp>(op.getResult(0));
  if (wanted != returned)
    return op.emitOpError()
           << (wanted ? "reads only the wanted tokens, expected its one result "
                        "to be the logits that @forward returns"
                      : "stores the logits of every token, expected a "
                        "picollm.wanted before it");
  if (returned) {
    Value logits = buffers[op.getResult(0)] = program.getBody().getArgument(1);
    createLinear(op, Epilogue::Store, /*wanted=*/true, logits);
    return success();
  }
  if (emitResidual(op) || emitGated(op))
    return success();
  SmallVector<Value> outputs;
  for (Value result : op.getResults())
    outputs.push_back(createFloats(result));
  createLinear(op, Epilogue::Store, /*wanted=*/false, outputs);
  return success();
}

/// The buffer of the angles of a rotation, filled once at the program's start.
FailureOr<Value> StepEmitter::anglesOf(model::AttentionOp op,
                                       model::RotaryOp query,
                                       model::RotaryOp key) {
  if (!query && !key)
    return Value();
  if (!query || !key || query.getRotation() != key.getRotation() ||
      query.getHeads() != op.getHeads() || key.getHeads() != op.getKvHeads())
    return op.emitOpError("needs query and key rotated by the same rotation, "
                          "head by head, or neither");
  if (query.getPositions() != op.getPositions() ||
      key.getPositions() != op.getPositions())
    return op.emitOpError("needs query and key rotated by its own positions");
  Value &buffer = angles[query.getRotation()];
  if (buffer)
    return buffer;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&program.getBody().front());
  int64_t headSize = 2 * query.getRotation().getFrequencies().size();
  buffer = createBuffer(op.getLoc(), builder.getF32Type(), headSize);
  step::RotationOp::create(builder, op.getLoc(), query.getRotation(), buffer);
  return buffer;
}

LogicalResult StepEmitter::checkNorms(model::AttentionOp op,
                                      model::RMSNormOp query,
                                      model::RMSNormOp key) {
  if (!query && !key)
    return success();
  if (!query || !key || query.getEpsilon() != key.getEpsilon() ||
      query.getHeads().value_or(1) != op.getHeads() ||
      key.getHeads().value_or(1) != op.getKvHeads())
    return op.emitOpError("needs query and key normalised head by head with "
                          "one epsilon, or neither");
  return success();
}

LogicalResult StepEmitter::emitAttention(model::AttentionOp op) {
  if (op.getPositions() != forward.getArgument(1))
    return op.emitOpError("has other positions than those of the step, the "
                          "second argument of @forward");
  AttentionOperand query(op.getQuery()), key(op.getKey());
  // The step changes the query where it lies, and the key for a cache of codes.
  if (!query.hasOneReader)
    return op.emitOpError("rotates a query that something else reads too");
  if (kvCache == KVCacheType::I8 && !key.hasOneReader)
    return op.emitOpError("rotates a key that something else reads too, which "
                          "needs a KV cache of f16");
  FailureOr<Value> rotation = anglesOf(op, query.rotary, key.rotary);
  if (failed(rotation) || failed(checkNorms(op, query.norm, key.norm)))
    return failure();
  FailureOr<Value> q = bufferOf(op, query.source);
  FailureOr<Value> k = bufferOf(op, key.source);
  FailureOr<Value> v = bufferOf(op, op.getValue());
  if (failed(q) || failed(k) || failed(v))
    return failure();
  Value output = createFloats(op.getResult());
  TypeAttr cache;
  if (kvCache == KVCacheType::I8)
    cache = TypeAttr::get(builder.getI8Type());
  auto nameOf = [](model::RMSNormOp norm) {
    return norm ? norm.getWeightAttr() : FlatSymbolRefAttr();
  };
  step::AttentionOp::create(
      builder, op.getLoc(), *q, *k, *v, *rotation, nameOf(query.norm),
      nameOf(key.norm), query.norm ? query.norm.getEpsilonAttr() : FloatAttr(),
      op.getLayerAttr(), op.getHeadsAttr(), op.getKvHeadsAttr(),
      op.getScaleAttr(), op.getWindowAttr(), cache, output);
  return success();
}

/// A norm added to a value that nobody reads any more: adds to its buffer.
bool StepEmitter::emitAddNorm(model::AddOp op) {
  for (auto [operand, other] : {std::pair(op.getLhs(), op.getRhs()),
                                std::pair(op.getRhs(), op.getLhs())}) {
    auto norm = operand.getDefiningOp<model::RMSNormOp>();
    if (!norm || !norm->hasOneUse() || !isOfRows(norm))
      continue;
    Value input = buffers.lookup(norm.getInput());
    Value residual = buffers.lookup(other);
    if (!input || !residual || input == residual || isReadAfter(other, op, op))
      continue;
    step::AddNormOp::create(builder, op.getLoc(), input, norm.getWeightAttr(),
                            norm.getEpsilonAttr(), residual);
    buffers[op.getResult()] = residual;
    return true;
  }
  return false;
}

LogicalResult StepEmitter::emitAdd(model::AddOp op) {
  if (absorbed.contains(op) || emitAddNorm(op))
    return success();
  return op.emitOpError(
      "has no form on the step level: expected the only use of the one "
      "result of a picollm_layout.linear, or of a picollm.rms_norm of a value "
      "in memory, and, as the other operand, a value in memory that nothing "
      "reads after that");
}

LogicalResult StepEmitter::finish(func::ReturnOp op) {
  if (buffers.lookup(op.getOperand(0)) != program.getBody().getArgument(1))
    return op.emitOpError("returns something else than the result of a "
                          "picollm_layout.linear that only it uses");
  return success();
}

LogicalResult StepEmitter::emitOp(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](layout::EmbeddingOp op) { return emitEmbedding(op); })
      .Case([&](layout::EncodeOp op) { return emitEncode(op); })
      .Case([&](layout::LinearOp op) { return emitLinear(op); })
      .Case([&](model::AttentionOp op) { return emitAttention(op); })
      .Case([&](func::ReturnOp op) { return finish(op); })
      // Absorbed by who reads them.
      .Case<model::RMSNormOp, model::WantedOp, model::RotaryOp>(
          [](Operation *) { return success(); })
      .Case([&](model::AddOp op) { return emitAdd(op); })
      .Case([&](model::GatedOp op) -> LogicalResult {
        if (absorbed.contains(op))
          return success();
        return op.emitOpError(
            "has no form on the step level: expected gate and up to be the two "
            "results of one picollm_layout.linear, in this order, of one panel "
            "each, and their only use; pack the two matrices as panels of one");
      })
      .Default([](Operation *op) {
        return op->emitOpError("has no form on the step level; run "
                               "picollm-convert-model-to-layout first");
      });
}

LogicalResult StepEmitter::checkSignature() {
  auto isTokens = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 1 &&
           tensor.getElementType().isInteger(32);
  };
  FunctionType type = forward.getFunctionType();
  auto logits = type.getNumResults() == 1
                    ? dyn_cast<RankedTensorType>(type.getResult(0))
                    : RankedTensorType();
  if (!forward.getBody().hasOneBlock() || type.getNumInputs() != 2 ||
      !llvm::all_of(type.getInputs(), isTokens) || !logits ||
      logits.getRank() != 2 || logits.isDynamicDim(1) ||
      !logits.getElementType().isF32())
    return forward.emitOpError(
        "needs one block, two arguments, tensor<?xi32> of tokens and of "
        "positions, and one result, tensor<?xVxf32> of logits");
  return success();
}

LogicalResult StepEmitter::emit() {
  if (failed(checkSignature()))
    return failure();
  Location loc = forward.getLoc();
  program = step::ProgramOp::create(builder, loc, "step", IntegerAttr());
  auto logits = cast<RankedTensorType>(forward.getResultTypes().front());
  Type arguments[] = {
      MemRefType::get({ShapedType::kDynamic}, builder.getI32Type()),
      MemRefType::get({ShapedType::kDynamic, logits.getDimSize(1)},
                      logits.getElementType())};
  builder.createBlock(&program.getBody(), {}, arguments, {loc, loc});
  for (Operation &op : forward.getBody().front())
    if (failed(emitOp(op)))
      return failure();
  return success();
}

namespace {

struct ConvertLayoutToStep
    : picollm::impl::ConvertLayoutToStepBase<ConvertLayoutToStep> {
  using Base::Base;

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward || forward.isExternal()) {
      getOperation().emitOpError("has no function @forward to convert");
      return signalPassFailure();
    }
    if (failed(StepEmitter(forward, kvCache).emit()))
      return signalPassFailure();
    forward.erase();
  }
};

} // namespace
