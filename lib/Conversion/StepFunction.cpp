//===- StepFunction.cpp - the function of a step program ------------------===//

#include "StepFunction.h"

#include "KernelBuilder.h"
#include "StepFunctions.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/abi.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstddef>

using namespace picollm;
using namespace mlir;

namespace {

class StepEmitter {
public:
  StepEmitter(step::ProgramOp program, model::ConfigAttr config,
              InstructionSet isa, const AttentionObjects &attention)
      : program(program), config(config), attention(attention),
        k(program->getParentOfType<ModuleOp>(), isa), parts(k.module, isa) {}

  FailureOr<func::FuncOp> emit();

private:
  LogicalResult emitOp(Operation *op);
  LogicalResult emitBuffer(step::BufferOp op);
  LogicalResult emitEmbedding(step::EmbeddingOp op);
  LogicalResult emitAddNorm(step::AddNormOp op);
  LogicalResult emitEncode(step::EncodeOp op);
  LogicalResult emitLinear(step::LinearOp op);
  LogicalResult emitRotation(step::RotationOp op);
  LogicalResult emitAttention(step::AttentionOp op);

  Value member(Type type, size_t offset) {
    return k.load(type, k.at(arguments, int64_t(offset)), 8);
  }
  /// A packed matrix by name: its layout and the address of its first byte.
  FailureOr<std::pair<MatrixLayout, Value>> matrix(Operation *op,
                                                   StringRef name);
  FailureOr<Value> floats(Operation *op, StringRef name);

  step::ProgramOp program;
  model::ConfigAttr config;
  const AttentionObjects &attention;
  KernelBuilder k;
  StepParts parts;
  Value arguments, thread, threads;
  Value weights, sequences, sequenceCount, scratch, tokenCount, logitsBegin,
      wantedCount, callTokens, callLogits, barrier, wait;
  llvm::DenseMap<Value, Value> pointers; ///< of the program's buffers
};

} // namespace

FailureOr<std::pair<MatrixLayout, Value>> StepEmitter::matrix(Operation *op,
                                                              StringRef name) {
  auto weight = k.module.lookupSymbol<layout::MatrixOp>(name);
  if (!weight)
    return op->emitError("weight @")
           << name << " is not a picollm_layout.weight of the module";
  if (weight.getRef().getEncoding() != "packed")
    return op->emitError("weight @")
           << name << " has encoding '" << weight.getRef().getEncoding()
           << "', expected 'packed': run the pack stage first";
  auto type = cast<layout::MatrixType>(weight.getType());
  return std::pair(type.getLayout(),
                   k.at(weights, weight.getRef().getOffset()));
}

FailureOr<Value> StepEmitter::floats(Operation *op, StringRef name) {
  auto weight = k.module.lookupSymbol<model::WeightOp>(name);
  if (!weight)
    return op->emitError("weight @")
           << name << " is not a picollm.weight of the module";
  if (weight.getRef().getEncoding() != "f32")
    return op->emitError("weight @")
           << name << " has encoding '" << weight.getRef().getEncoding()
           << "', expected 'f32' in the weight file: run the pack stage first";
  return k.at(weights, weight.getRef().getOffset());
}

LogicalResult StepEmitter::emitBuffer(step::BufferOp op) {
  if (!op.getOffset())
    return op.emitError(
        "buffer has no offset: run picollm-assign-buffers first");
  pointers[op.getResult()] =
      k.at(scratch, k.mul(tokenCount, k.index(*op.getOffset())));
  return success();
}

LogicalResult StepEmitter::emitEmbedding(step::EmbeddingOp op) {
  auto weight = matrix(op, op.getWeight());
  if (failed(weight))
    return failure();
  std::optional<double> scale;
  if (op.getScale())
    scale = op.getScale()->convertToDouble();
  k.call(parts.embedding(weight->first, scale),
         {weight->second, pointers[op.getTokens()], pointers[op.getOutput()],
          tokenCount, thread, threads});
  return success();
}

LogicalResult StepEmitter::emitAddNorm(step::AddNormOp op) {
  auto norm = floats(op, op.getNorm());
  if (failed(norm))
    return failure();
  int64_t columns = cast<MemRefType>(op.getInput().getType()).getDimSize(1);
  k.call(parts.addNorm(columns, op.getEpsilon().convertToDouble()),
         {pointers[op.getInput()], *norm, pointers[op.getOutput()], tokenCount,
          thread, threads});
  return success();
}

LogicalResult StepEmitter::emitEncode(step::EncodeOp op) {
  auto weight = matrix(op, op.getWeight());
  if (failed(weight))
    return failure();
  Value input = pointers[op.getInput()];
  if (op.getWanted())
    input = k.at(input, k.mul(logitsBegin, k.index(4 * weight->first.columns)));
  Values operands = {weight->second, input};
  std::optional<double> epsilon;
  if (op.getNorm()) {
    auto norm = floats(op, *op.getNorm());
    if (failed(norm))
      return failure();
    operands.push_back(*norm);
    epsilon = op.getEpsilon() ? op.getEpsilon()->convertToDouble() : 0.0;
  }
  operands.append({pointers[op.getOutput()],
                   op.getWanted() ? wantedCount : tokenCount,
                   op.getWanted() ? callLogits : callTokens, thread, threads});
  k.call(parts.encode(weight->first, epsilon), operands);
  return success();
}

static LinearEpilogue convert(step::Epilogue epilogue) {
  switch (epilogue) {
  case step::Epilogue::Store:
    return LinearEpilogue::Store;
  case step::Epilogue::Add:
    return LinearEpilogue::Add;
  case step::Epilogue::SiLU:
    return LinearEpilogue::SiLU;
  case step::Epilogue::GeLUTanh:
    return LinearEpilogue::GeLUTanh;
  }
  llvm_unreachable("covered switch");
}

LogicalResult StepEmitter::emitLinear(step::LinearOp op) {
  auto weight = matrix(op, op.getWeight());
  if (failed(weight))
    return failure();
  Values operands = {weight->second, pointers[op.getInput()]};
  for (Value output : op.getOutputs())
    operands.push_back(pointers[output]);
  operands.append({op.getWanted() ? wantedCount : tokenCount,
                   op.getWanted() ? callLogits : callTokens, thread, threads});
  auto sources =
      k.module.lookupSymbol<layout::MatrixOp>(op.getWeight()).getSourcePanels();
  k.call(parts.linear(weight->first, sources, convert(op.getEpilogue())),
         operands);
  return success();
}

LogicalResult StepEmitter::emitRotation(step::RotationOp op) {
  model::RotationAttr rotation = op.getRotation();
  k.call(parts.rotation(rotation.getFrequencies().asArrayRef(),
                        rotation.getScale().getValueAsDouble()),
         {pointers[op.getOutput()], sequences, sequenceCount, tokenCount,
          thread, threads});
  return success();
}

LogicalResult StepEmitter::emitAttention(step::AttentionOp op) {
  AttentionPart part;
  part.heads = op.getHeads();
  part.kvHeads = op.getKvHeads();
  part.headSize = config.getHeadSize();
  part.scale = op.getScale().convertToDouble();
  part.rotate = op.getAngles() != nullptr;
  const AttentionObject &object = attention.at(op.getWindow().value_or(0));
  part.function = object.function;
  part.window = object.shape.window;
  part.cache = object.shape.cache;
  if (part.heads != config.getHeads() || part.kvHeads != config.getKvHeads())
    return op.emitError("attention has ")
           << part.heads << " heads and " << part.kvHeads
           << " KV heads, expected those of picollm.config: "
           << config.getHeads() << " and " << config.getKvHeads();
  Value query = pointers[op.getQuery()];
  Value workspaces = k.at(
      scratch, k.mul(tokenCount, k.index(*program.getScratchBytesPerToken())));
  Values operands = {query, pointers[op.getKey()], pointers[op.getValue()],
                     part.rotate ? pointers[op.getAngles()] : query};
  if (op.getEpsilon()) {
    part.normEpsilon = op.getEpsilon()->convertToDouble();
    for (StringRef name : {*op.getQueryNorm(), *op.getKeyNorm()}) {
      auto norm = floats(op, name);
      if (failed(norm))
        return failure();
      operands.push_back(*norm);
    }
  }
  int64_t layer = op.getLayer();
  operands.append({sequences, sequenceCount, k.index(layer),
                   k.index(config.getLayers() + layer), workspaces,
                   pointers[op.getOutput()], barrier, wait, thread, threads});
  k.call(parts.attention(part), operands);
  return success();
}

LogicalResult StepEmitter::emitOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](step::BufferOp o) { return emitBuffer(o); })
      .Case([&](step::EmbeddingOp o) { return emitEmbedding(o); })
      .Case([&](step::AddNormOp o) { return emitAddNorm(o); })
      .Case([&](step::EncodeOp o) { return emitEncode(o); })
      .Case([&](step::LinearOp o) { return emitLinear(o); })
      .Case([&](step::RotationOp o) { return emitRotation(o); })
      .Case([&](step::AttentionOp o) { return emitAttention(o); })
      .Case([&](step::BarrierOp) {
        emitBarrier(k, wait, barrier);
        return success();
      })
      .Default([](Operation *o) {
        return o->emitError("op cannot be part of a compiled step");
      });
}

FailureOr<func::FuncOp> StepEmitter::emit() {
  if (!program.getScratchBytesPerToken())
    return program.emitError("program has no scratch size: run "
                             "picollm-assign-buffers first");
  func::FuncOp existing;
  func::FuncOp function =
      k.beginFunction("step", {k.ptr, k.i32, k.i32}, existing);
  if (!function)
    return program.emitError(
        "module has a step of this instruction set already");
  // Threads write what others read: no assumption on aliases.
  function.removeArgAttr(0, "llvm.noalias");
  arguments = k.argument(0);
  thread = k.signExtend(k.argument(1), k.i64);
  threads = k.signExtend(k.argument(2), k.i64);
  using A = picollm_step_arguments;
  weights = member(k.ptr, offsetof(A, weights));
  sequences = member(k.ptr, offsetof(A, sequences));
  sequenceCount = member(k.i64, offsetof(A, sequence_count));
  scratch = member(k.ptr, offsetof(A, scratch));
  tokenCount = member(k.i64, offsetof(A, token_count));
  logitsBegin = member(k.i64, offsetof(A, logits_begin));
  wantedCount = k.sub(tokenCount, logitsBegin);
  callTokens = member(k.i64, offsetof(A, call_tokens));
  callLogits = member(k.i64, offsetof(A, call_logits));
  barrier = member(k.ptr, offsetof(A, barrier));
  wait = member(k.ptr, offsetof(A, wait));
  Block &body = program.getBody().front();
  pointers[body.getArgument(0)] = member(k.ptr, offsetof(A, tokens));
  pointers[body.getArgument(1)] = member(k.ptr, offsetof(A, logits));
  for (Operation &op : body)
    if (failed(emitOp(&op)))
      return failure();
  k.endFunction();
  return function;
}

FailureOr<func::FuncOp>
picollm::emitStepFunction(step::ProgramOp program, model::ConfigAttr config,
                          InstructionSet isa,
                          const AttentionObjects &attention) {
  return StepEmitter(program, config, isa, attention).emit();
}
