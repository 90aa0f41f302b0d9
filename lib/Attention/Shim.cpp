//===- Shim.cpp - the C functions around the Halide functions -------------===//
//
// What the generated function does, with D the head size and G the group:
//
//   for block of kBlockTokens tokens:
//     pack(q of block, scale) -> packed
//     for piece of kPiece positions up to the last token of the block, from 0
//         or from the key block in which the window of the first token begins:
//       one token:  decode(k, v of piece, packed, state) -> state
//       else:       prepare(k, v of piece) -> keys, values
//                   prefill(packed, keys, values, state) -> state
//     finish(state) -> out of block
//
// "_part" packs one token and decodes the pieces of its part; "_merge" merges
// states of parts and finishes.
//
//===----------------------------------------------------------------------===//

#include "Shim.h"
#include "HalideTarget.h"
#include "StateLayout.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/ValueSymbolTable.h"

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
enum TypeCode : uint8_t { kInt = 0, kFloat = 2 };

class ShimBuilder {
public:
  ShimBuilder(Module &module, const AttentionShape &shape)
      : module(module), builder(module.getContext()), shape(shape),
        headSize(static_cast<int32_t>(shape.headSize)),
        group(static_cast<int32_t>(shape.group)),
        stateSize(headSize + kStateExtra),
        codes(shape.cache == KVCacheType::I8) {
    LLVMContext &context = module.getContext();
    dimensionType = StructType::get(context, {i32(), i32(), i32(), i32()});
    Type *i8 = builder.getInt8Ty();
    elementType = StructType::get(context, {i8, i8, builder.getInt16Ty()});
    headerType =
        StructType::get(context, {i64(), pointer(), pointer(), i64(),
                                  elementType, i32(), pointer(), pointer()});
  }

  void buildAttention(const std::string &name);
  void buildPart(const std::string &name);
  void buildMerge(const std::string &name);

private:
  Type *i32() { return builder.getInt32Ty(); }
  Type *i64() { return builder.getInt64Ty(); }
  Type *pointer() { return builder.getPtrTy(); }
  Value *constant(int64_t value) { return builder.getInt64(value); }
  Value *truncate(Value *value) { return builder.CreateTrunc(value, i32()); }
  Value *divideCeil(Value *value, int64_t divisor) {
    return builder.CreateUDiv(builder.CreateAdd(value, constant(divisor - 1)),
                              constant(divisor));
  }

  void beginFunction(const std::string &name, ArrayRef<Type *> types,
                     ArrayRef<const char *> names);
  Value *argument(StringRef name);
  Buffer makeBuffer(StringRef name, ArrayRef<Dimension> dimensions,
                    TypeCode type = kFloat, uint8_t bits = 32);
  void makeTokenBuffers();
  void makeCacheBuffers();
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
  Value *setPiece(Value *begin, Value *end);
  Value *keyBlockOf(Value *position);
  void emitDecode(Value *piece, Value *begin, Value *count, Value *first);
  void emitPrefill(Value *begin, Value *firstPosition, Value *count,
                   Value *first);
  void emitPiece(Value *begin, Value *firstPosition, Value *tokens, Value *end);

  Module &module;
  IRBuilder<> builder;
  const AttentionShape &shape;
  const int32_t headSize, group, stateSize;
  const bool codes;
  StructType *dimensionType, *elementType, *headerType;
  Function *function = nullptr;
  Buffer query, packed, key, value, keyScales, valueScales, keys, values, state,
      out;
};

/// Starts a function that other objects may call.
void ShimBuilder::beginFunction(const std::string &name, ArrayRef<Type *> types,
                                ArrayRef<const char *> names) {
  function =
      Function::Create(FunctionType::get(builder.getVoidTy(), types, false),
                       GlobalValue::ExternalLinkage, name, module);
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDoesNotThrow();
  for (auto [argument, name] : zip_equal(function->args(), names))
    argument.setName(name);
  builder.SetInsertPoint(
      BasicBlock::Create(module.getContext(), "entry", function));
}

Value *ShimBuilder::argument(StringRef name) {
  return function->getValueSymbolTable()->lookup(name);
}

Buffer ShimBuilder::makeBuffer(StringRef name, ArrayRef<Dimension> dimensions,
                               TypeCode type, uint8_t bits) {
  Buffer buffer;
  buffer.header = builder.CreateAlloca(headerType, nullptr, name);
  buffer.dimensions = builder.CreateAlloca(
      ArrayType::get(dimensionType, dimensions.size()), nullptr, name);
  Constant *null = ConstantPointerNull::get(builder.getPtrTy());
  builder.CreateStore(
      ConstantStruct::get(
          headerType, {builder.getInt64(0), null, null, builder.getInt64(0),
                       ConstantStruct::get(elementType, {builder.getInt8(type),
                                                         builder.getInt8(bits),
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

/// Of one block of query tokens, and of the cache.
void ShimBuilder::makeTokenBuffers() {
  query = makeBuffer("query", {{headSize, 1}, {group, headSize}, {0, 0}});
  packed = makeBuffer("packed", {{headSize, 1}, {0, headSize}});
  state = makeBuffer("state", {{stateSize, 1}, {0, stateSize}});
  setHost(packed, argument("workspace"));
  makeCacheBuffers();
}

void ShimBuilder::makeCacheBuffers() {
  const TypeCode type = codes ? kInt : kFloat;
  const uint8_t bits = codes ? 8 : 16;
  const auto rowBytes =
      static_cast<int32_t>(kvRowBytes(shape.cache, shape.headSize));
  const int32_t stride = rowBytes * 8 / bits;
  key = makeBuffer(
      "key", {{kKeyBlock, 1}, {headSize, kKeyBlock}, {0, kKeyBlock * stride}},
      type, bits);
  value = makeBuffer("value", {{headSize, 1}, {0, stride}}, type, bits);
  if (!codes)
    return;
  const int32_t floats = rowBytes / kScaleBytes;
  keyScales =
      makeBuffer("key_scales", {{kKeyBlock, 1}, {0, kKeyBlock * floats}});
  valueScales = makeBuffer("value_scales", {{0, floats}});
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

/// The first position of the key block that has this one.
Value *ShimBuilder::keyBlockOf(Value *position) {
  return builder.CreateAnd(position, constant(-int64_t(kKeyBlock)));
}

/// Keys and values of a piece from `begin` on, where a key block begins;
/// returns its positions, i64.
Value *ShimBuilder::setPiece(Value *begin, Value *end) {
  Value *count = builder.CreateBinaryIntrinsic(
      Intrinsic::smin, builder.CreateSub(end, begin), constant(kPiece));
  Value *count32 = truncate(count);
  Value *offset = builder.CreateMul(
      begin, constant(kvRowBytes(shape.cache, shape.headSize)));
  Value *blocks = truncate(divideCeil(count, kKeyBlock));
  auto bytes = [&](Value *base, Value *count) {
    return builder.CreateInBoundsGEP(builder.getInt8Ty(), base, count);
  };
  Value *k = bytes(argument("k"), offset), *v = bytes(argument("v"), offset);
  setHost(key, k);
  setExtent(key, 2, blocks);
  setHost(value, v);
  setExtent(value, 1, count32);
  if (!codes)
    return count;
  setHost(keyScales, bytes(k, constant(kKeyBlock * headSize)));
  setExtent(keyScales, 1, blocks);
  setHost(valueScales, bytes(v, constant(headSize)));
  setExtent(valueScales, 0, count32);
  return count;
}

/// The piece from `piece` on, of which positions from `begin` on are attended.
void ShimBuilder::emitDecode(Value *piece, Value *begin, Value *count,
                             Value *first) {
  Value *skipped = builder.CreateBinaryIntrinsic(
      Intrinsic::smax, constant(0), builder.CreateSub(begin, piece));
  SmallVector<Value *> arguments = {
      key.header,        value.header,    packed.header, state.header,
      truncate(skipped), truncate(count), first};
  if (codes)
    arguments.append({keyScales.header, valueScales.header});
  arguments.push_back(state.header);
  callKernel("decode", arguments);
}

void ShimBuilder::emitPrefill(Value *begin, Value *firstPosition, Value *count,
                              Value *first) {
  Value *count32 = truncate(count);
  setExtent(keys, 2, truncate(divideCeil(count, kKeyBlock)));
  setExtent(values, 1, count32);
  SmallVector<Value *> arguments = {key.header, value.header, count32};
  if (codes)
    arguments.append({keyScales.header, valueScales.header});
  arguments.append({keys.header, values.header});
  callKernel("prepare", arguments);
  Value *limit = truncate(builder.CreateSub(firstPosition, begin));
  arguments = {packed.header, keys.header, values.header, state.header,
               limit,         count32,     first};
  if (shape.window)
    arguments.push_back(
        builder.CreateSub(limit, builder.getInt32(shape.window - 1)));
  arguments.push_back(state.header);
  callKernel("prefill", arguments);
}

void ShimBuilder::emitPiece(Value *begin, Value *firstPosition, Value *tokens,
                            Value *end) {
  LLVMContext &context = module.getContext();
  Value *count = setPiece(begin, end);
  Value *attended = firstAttended(firstPosition);
  Value *first = builder.CreateZExt(
      builder.CreateICmpEQ(begin, keyBlockOf(attended)), i32());
  BasicBlock *decode = BasicBlock::Create(context, "decode", function);
  BasicBlock *prefill = BasicBlock::Create(context, "prefill", function);
  BasicBlock *after = BasicBlock::Create(context, "piece.done", function);
  builder.CreateCondBr(builder.CreateICmpEQ(tokens, constant(1)), decode,
                       prefill);
  builder.SetInsertPoint(decode);
  emitDecode(begin, attended, count, first);
  builder.CreateBr(after);
  builder.SetInsertPoint(prefill);
  emitPrefill(begin, firstPosition, count, first);
  builder.CreateBr(after);
  builder.SetInsertPoint(after);
}

void ShimBuilder::emitBlock(Value *firstToken) {
  Value *tokens = builder.CreateBinaryIntrinsic(
      Intrinsic::smin, builder.CreateSub(argument("tokens"), firstToken),
      constant(kBlockTokens));
  Value *tokens32 = truncate(tokens);
  Value *used = builder.CreateMul(tokens, constant(group));
  Value *padded =
      builder.CreateMul(divideCeil(used, kRowPadding), constant(kRowPadding));
  Value *rows = truncate(builder.CreateSelect(
      builder.CreateICmpEQ(tokens, constant(1)), used, padded));
  setHost(query,
          floats(argument("q"),
                 builder.CreateMul(firstToken, argument("q_token_stride"))));
  setHost(out,
          floats(argument("out"),
                 builder.CreateMul(firstToken, argument("out_token_stride"))));
  for (const Buffer &buffer : {query, out})
    setExtent(buffer, 2, tokens32);
  for (const Buffer &buffer : {packed, state})
    setExtent(buffer, 1, rows);

  callKernel("pack",
             {query.header, argument("scale"), tokens32, packed.header});
  Value *firstPosition = builder.CreateAdd(argument("position"), firstToken);
  Value *end = builder.CreateAdd(firstPosition, tokens);
  emitLoop("piece", keyBlockOf(firstAttended(firstPosition)), end, kPiece,
           [&](Value *begin) { emitPiece(begin, firstPosition, tokens, end); });
  callKernel("finish", {state.header, out.header});
}

void ShimBuilder::buildAttention(const std::string &name) {
  beginFunction(name,
                {pointer(), i64(), pointer(), pointer(), i64(), i64(),
                 pointer(), i64(), builder.getFloatTy(), pointer()},
                {"q", "q_token_stride", "k", "v", "position", "tokens", "out",
                 "out_token_stride", "scale", "workspace"});
  makeTokenBuffers();
  keys = makeBuffer(
      "keys",
      {{kKeyBlock, 1}, {headSize, kKeyBlock}, {0, kKeyBlock * headSize}});
  values = makeBuffer("values", {{headSize, 1}, {0, headSize}});
  out = makeBuffer("out", {{headSize, 1}, {group, headSize}, {0, 0}});
  const WorkspaceLayout layout = workspaceLayout(shape);
  Value *workspace = argument("workspace");
  setHost(state, floats(workspace, constant(layout.state)));
  setHost(keys, floats(workspace, constant(layout.keys)));
  setHost(values, floats(workspace, constant(layout.values)));
  setStride(query, 2, truncate(argument("q_token_stride")));
  setStride(out, 2, truncate(argument("out_token_stride")));
  emitLoop("block", constant(0), argument("tokens"), kBlockTokens,
           [&](Value *firstToken) { emitBlock(firstToken); });
  builder.CreateRetVoid();
}

void ShimBuilder::buildPart(const std::string &name) {
  beginFunction(name,
                {pointer(), pointer(), pointer(), i64(), i64(), pointer(),
                 builder.getFloatTy(), pointer()},
                {"q", "k", "v", "begin", "end", "state", "scale", "workspace"});
  makeTokenBuffers();
  Value *one = builder.getInt32(1), *rows = builder.getInt32(group);
  setHost(query, argument("q"));
  setExtent(query, 2, one);
  setStride(query, 2, builder.getInt32(group * headSize));
  setExtent(packed, 1, rows);
  setHost(state, argument("state"));
  setExtent(state, 1, rows);
  callKernel("pack", {query.header, argument("scale"), one, packed.header});
  Value *begin = argument("begin"), *end = argument("end");
  Value *firstPiece = keyBlockOf(begin);
  emitLoop("piece", firstPiece, end, kPiece, [&](Value *piece) {
    emitDecode(
        piece, begin, setPiece(piece, end),
        builder.CreateZExt(builder.CreateICmpEQ(piece, firstPiece), i32()));
  });
  builder.CreateRetVoid();
}

void ShimBuilder::buildMerge(const std::string &name) {
  beginFunction(name, {pointer(), i64(), pointer()},
                {"states", "parts", "out"});
  const auto stateFloats = static_cast<int32_t>(attentionStateFloats(shape));
  Buffer parts = makeBuffer(
      "parts", {{stateSize, 1}, {group, stateSize}, {0, stateFloats}});
  state = makeBuffer("state", {{stateSize, 1}, {group, stateSize}});
  out = makeBuffer("out",
                   {{headSize, 1}, {group, headSize}, {1, group * headSize}});
  AllocaInst *merged = builder.CreateAlloca(
      ArrayType::get(builder.getFloatTy(), stateFloats), nullptr, "merged");
  merged->setAlignment(Align(64));
  setHost(parts, argument("states"));
  setExtent(parts, 2, truncate(argument("parts")));
  setHost(state, merged);
  setHost(out, argument("out"));
  callKernel("merge", {parts.header, state.header});
  callKernel("finish", {state.header, out.header});
  builder.CreateRetVoid();
}

} // namespace

std::unique_ptr<Module> buildShim(LLVMContext &context,
                                  const AttentionShape &shape,
                                  const std::string &name) {
  auto module = std::make_unique<Module>("picollm_attention", context);
  ShimBuilder builder(*module, shape);
  builder.buildAttention(name);
  builder.buildPart(name + "_part");
  builder.buildMerge(name + "_merge");
  return module;
}

} // namespace picollm::attention
