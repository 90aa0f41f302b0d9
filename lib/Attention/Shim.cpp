//===- Shim.cpp - the C function around the Halide functions --------------===//
//
// What the generated function does, with D the head size and G the group:
//
//   for block of kBlockTokens tokens:
//     pack(q of block, scale) -> packed
//     for piece of kPiece positions up to the last token of the block, from 0
//         or from where the window of the first token begins:
//       one token:  decode(packed, k, v of piece, state) -> state
//       else:       prepare(k, v of piece) -> keys, values
//                   prefill(packed, keys, values, state) -> state
//     finish(state) -> out of block
//
//===----------------------------------------------------------------------===//

#include "Shim.h"
#include "HalideTarget.h"
#include "StateLayout.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace picollm::attention {
namespace {

/// halide_buffer_t and its dimensions on the stack (HalideRuntime.h).
struct Buffer {
  AllocaInst *header = nullptr;
  AllocaInst *dimensions = nullptr;
};

/// Extent and stride, in elements; 0 where they are set at run time.
struct Dimension {
  int32_t extent, stride;
};

/// Codes of halide_type_t.
enum TypeCode : uint8_t { kFloat = 2 };

class ShimBuilder {
public:
  ShimBuilder(Module &module, const AttentionShape &shape)
      : module(module), builder(module.getContext()), shape(shape),
        headSize(static_cast<int32_t>(shape.headSize)),
        group(static_cast<int32_t>(shape.group)) {
    LLVMContext &context = module.getContext();
    dimensionType = StructType::get(context, {i32(), i32(), i32(), i32()});
    Type *i8 = builder.getInt8Ty();
    elementType = StructType::get(context, {i8, i8, builder.getInt16Ty()});
    headerType =
        StructType::get(context, {i64(), pointer(), pointer(), i64(),
                                  elementType, i32(), pointer(), pointer()});
  }

  void build(const std::string &name);

private:
  Type *i32() { return builder.getInt32Ty(); }
  Type *i64() { return builder.getInt64Ty(); }
  Type *pointer() { return builder.getPtrTy(); }
  Value *constant(int64_t value) { return builder.getInt64(value); }
  Value *truncate(Value *value) { return builder.CreateTrunc(value, i32()); }

  Buffer makeBuffer(StringRef name, uint8_t bits,
                    ArrayRef<Dimension> dimensions);
  void makeBuffers();
  void setHost(const Buffer &buffer, Value *host);
  void setExtent(const Buffer &buffer, unsigned dimension, Value *extent);
  void setStride(const Buffer &buffer, unsigned dimension, Value *stride);
  Value *floats(Value *base, Value *count);
  void callKernel(StringRef kernel, ArrayRef<Value *> arguments);

  /// for (i = begin; i < end; i += step) body(i)
  void emitLoop(StringRef name, Value *begin, Value *end, int64_t step,
                function_ref<void(Value *)> body);
  void emitBlock(Value *firstToken);
  Value *firstAttended(Value *position);
  void emitPiece(Value *begin, Value *firstPosition, Value *tokens, Value *end);

  Module &module;
  IRBuilder<> builder;
  const AttentionShape &shape;
  const int32_t headSize, group;
  StructType *dimensionType, *elementType, *headerType;
  Function *function = nullptr;
  Buffer query, packed, key, value, keys, values, state, out;
};

Buffer ShimBuilder::makeBuffer(StringRef name, uint8_t bits,
                               ArrayRef<Dimension> dimensions) {
  Buffer buffer;
  buffer.header = builder.CreateAlloca(headerType, nullptr, name);
  buffer.dimensions = builder.CreateAlloca(
      ArrayType::get(dimensionType, dimensions.size()), nullptr, name);
  Constant *null = ConstantPointerNull::get(builder.getPtrTy());
  builder.CreateStore(
      ConstantStruct::get(
          headerType,
          {builder.getInt64(0), null, null, builder.getInt64(0),
           ConstantStruct::get(elementType,
                               {builder.getInt8(kFloat), builder.getInt8(bits),
                                builder.getInt16(1)}),
           builder.getInt32(dimensions.size()), null, null}),
      buffer.header);
  builder.CreateStore(buffer.dimensions,
                      builder.CreateStructGEP(headerType, buffer.header, 6));
  SmallVector<Constant *> values;
  for (const Dimension &dimension : dimensions)
    values.push_back(ConstantStruct::get(
        dimensionType,
        {builder.getInt32(0), builder.getInt32(dimension.extent),
         builder.getInt32(dimension.stride), builder.getInt32(0)}));
  builder.CreateStore(
      ConstantArray::get(ArrayType::get(dimensionType, values.size()), values),
      buffer.dimensions);
  return buffer;
}

void ShimBuilder::makeBuffers() {
  const int32_t stateSize = headSize + kStateExtra;
  query = makeBuffer("query", 32, {{headSize, 1}, {group, headSize}, {0, 0}});
  packed = makeBuffer("packed", 32, {{headSize, 1}, {0, headSize}});
  key = makeBuffer("key", 16, {{headSize, 1}, {0, headSize}});
  value = makeBuffer("value", 16, {{headSize, 1}, {0, headSize}});
  keys = makeBuffer(
      "keys", 32,
      {{kKeyBlock, 1}, {headSize, kKeyBlock}, {0, kKeyBlock * headSize}});
  values = makeBuffer("values", 32, {{headSize, 1}, {0, headSize}});
  state = makeBuffer("state", 32, {{stateSize, 1}, {0, stateSize}});
  out = makeBuffer("out", 32, {{headSize, 1}, {group, headSize}, {0, 0}});

  const WorkspaceLayout layout = workspaceLayout(shape);
  Value *workspace = function->getArg(9);
  setHost(packed, workspace);
  setHost(state, floats(workspace, constant(layout.state)));
  setHost(keys, floats(workspace, constant(layout.keys)));
  setHost(values, floats(workspace, constant(layout.values)));
  setStride(query, 2, truncate(function->getArg(1)));
  setStride(out, 2, truncate(function->getArg(7)));
}

void ShimBuilder::setHost(const Buffer &buffer, Value *host) {
  builder.CreateStore(host,
                      builder.CreateStructGEP(headerType, buffer.header, 2));
}

void ShimBuilder::setExtent(const Buffer &buffer, unsigned dimension,
                            Value *extent) {
  Value *entry =
      builder.CreateConstGEP1_32(dimensionType, buffer.dimensions, dimension);
  builder.CreateStore(extent, builder.CreateStructGEP(dimensionType, entry, 1));
}

void ShimBuilder::setStride(const Buffer &buffer, unsigned dimension,
                            Value *stride) {
  Value *entry =
      builder.CreateConstGEP1_32(dimensionType, buffer.dimensions, dimension);
  builder.CreateStore(stride, builder.CreateStructGEP(dimensionType, entry, 2));
}

Value *ShimBuilder::floats(Value *base, Value *count) {
  return builder.CreateInBoundsGEP(builder.getFloatTy(), base, count);
}

void ShimBuilder::callKernel(StringRef kernel, ArrayRef<Value *> arguments) {
  SmallVector<Type *> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType());
  // Halide's status is always 0: assertions are off and nothing is allocated.
  builder.CreateCall(
      module.getOrInsertFunction(("picollm_attention_" + kernel).str(),
                                 FunctionType::get(i32(), types, false)),
      arguments);
}

void ShimBuilder::emitLoop(StringRef name, Value *begin, Value *end,
                           int64_t step, function_ref<void(Value *)> body) {
  LLVMContext &context = module.getContext();
  BasicBlock *before = builder.GetInsertBlock();
  BasicBlock *header = BasicBlock::Create(context, name, function);
  BasicBlock *inside = BasicBlock::Create(context, name + ".body", function);
  BasicBlock *after = BasicBlock::Create(context, name + ".end", function);
  builder.CreateBr(header);
  builder.SetInsertPoint(header);
  PHINode *index = builder.CreatePHI(i64(), 2, name);
  index->addIncoming(begin, before);
  builder.CreateCondBr(builder.CreateICmpSLT(index, end), inside, after);
  builder.SetInsertPoint(inside);
  body(index);
  index->addIncoming(builder.CreateAdd(index, constant(step)),
                     builder.GetInsertBlock());
  builder.CreateBr(header);
  builder.SetInsertPoint(after);
}

/// The first position that a query at `position` attends to.
Value *ShimBuilder::firstAttended(Value *position) {
  if (!shape.window)
    return constant(0);
  return builder.CreateBinaryIntrinsic(
      Intrinsic::smax, constant(0),
      builder.CreateSub(position, constant(shape.window - 1)));
}

void ShimBuilder::emitPiece(Value *begin, Value *firstPosition, Value *tokens,
                            Value *end) {
  LLVMContext &context = module.getContext();
  Value *count = builder.CreateBinaryIntrinsic(
      Intrinsic::smin, builder.CreateSub(end, begin), constant(kPiece));
  Value *count32 = truncate(count);
  Value *halfOffset = builder.CreateMul(begin, constant(headSize));
  Type *half = builder.getInt16Ty();
  setHost(key,
          builder.CreateInBoundsGEP(half, function->getArg(2), halfOffset));
  setHost(value,
          builder.CreateInBoundsGEP(half, function->getArg(3), halfOffset));
  setExtent(key, 1, count32);
  setExtent(value, 1, count32);
  Value *first = builder.CreateZExt(
      builder.CreateICmpEQ(begin, firstAttended(firstPosition)), i32());

  BasicBlock *decode = BasicBlock::Create(context, "decode", function);
  BasicBlock *prefill = BasicBlock::Create(context, "prefill", function);
  BasicBlock *after = BasicBlock::Create(context, "piece.done", function);
  builder.CreateCondBr(builder.CreateICmpEQ(tokens, constant(1)), decode,
                       prefill);

  builder.SetInsertPoint(decode);
  callKernel("decode", {packed.header, key.header, value.header, state.header,
                        count32, first, state.header});
  builder.CreateBr(after);

  builder.SetInsertPoint(prefill);
  Value *blocks = builder.CreateUDiv(
      builder.CreateAdd(count, constant(kKeyBlock - 1)), constant(kKeyBlock));
  setExtent(keys, 2, truncate(blocks));
  setExtent(values, 1, count32);
  callKernel("prepare",
             {key.header, value.header, count32, keys.header, values.header});
  Value *limit = truncate(builder.CreateSub(firstPosition, begin));
  SmallVector<Value *> arguments = {packed.header, keys.header, values.header,
                                    state.header,  limit,       count32,
                                    first};
  if (shape.window)
    arguments.push_back(
        builder.CreateSub(limit, builder.getInt32(shape.window - 1)));
  arguments.push_back(state.header);
  callKernel("prefill", arguments);
  builder.CreateBr(after);
  builder.SetInsertPoint(after);
}

void ShimBuilder::emitBlock(Value *firstToken) {
  Value *tokens = builder.CreateBinaryIntrinsic(
      Intrinsic::smin, builder.CreateSub(function->getArg(5), firstToken),
      constant(kBlockTokens));
  Value *tokens32 = truncate(tokens);
  Value *used = builder.CreateMul(tokens, constant(group));
  Value *padded = builder.CreateMul(
      builder.CreateUDiv(builder.CreateAdd(used, constant(kRowPadding - 1)),
                         constant(kRowPadding)),
      constant(kRowPadding));
  Value *rows = truncate(builder.CreateSelect(
      builder.CreateICmpEQ(tokens, constant(1)), used, padded));
  setHost(query, floats(function->getArg(0),
                        builder.CreateMul(firstToken, function->getArg(1))));
  setHost(out, floats(function->getArg(6),
                      builder.CreateMul(firstToken, function->getArg(7))));
  for (const Buffer &buffer : {query, out})
    setExtent(buffer, 2, tokens32);
  for (const Buffer &buffer : {packed, state})
    setExtent(buffer, 1, rows);

  callKernel("pack",
             {query.header, function->getArg(8), tokens32, packed.header});
  Value *firstPosition = builder.CreateAdd(function->getArg(4), firstToken);
  Value *end = builder.CreateAdd(firstPosition, tokens);
  emitLoop("piece", firstAttended(firstPosition), end, kPiece,
           [&](Value *begin) { emitPiece(begin, firstPosition, tokens, end); });
  callKernel("finish", {state.header, out.header});
}

void ShimBuilder::build(const std::string &name) {
  Type *floatType = builder.getFloatTy();
  function = Function::Create(
      FunctionType::get(builder.getVoidTy(),
                        {pointer(), i64(), pointer(), pointer(), i64(), i64(),
                         pointer(), i64(), floatType, pointer()},
                        false),
      GlobalValue::ExternalLinkage, name, module);
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDoesNotThrow();
  static const char *const names[] = {
      "q",   "q_token_stride",   "k",     "v",        "position", "tokens",
      "out", "out_token_stride", "scale", "workspace"};
  for (Argument &argument : function->args())
    argument.setName(names[argument.getArgNo()]);
  builder.SetInsertPoint(
      BasicBlock::Create(module.getContext(), "entry", function));
  makeBuffers();
  emitLoop("block", constant(0), function->getArg(5), kBlockTokens,
           [&](Value *firstToken) { emitBlock(firstToken); });
  builder.CreateRetVoid();
}

} // namespace

std::unique_ptr<Module> buildShim(LLVMContext &context,
                                  const AttentionShape &shape,
                                  const std::string &name) {
  auto module = std::make_unique<Module>("picollm_attention", context);
  ShimBuilder(*module, shape).build(name);
  return module;
}

} // namespace picollm::attention
