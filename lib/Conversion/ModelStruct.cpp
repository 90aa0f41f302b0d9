//===- ModelStruct.cpp - what a compiled model exports --------------------===//

#include "ModelStruct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "picollm/Attention/Attention.h"
#include "picollm/Conversion/Passes.h"
#include "picollm/abi.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;
using namespace mlir;

static_assert(kKVBlockPositions == PICOLLM_KV_BLOCK_POSITIONS);

std::string picollm::modelSymbol(StringRef name) {
  std::string symbol = "picollm_";
  for (char c : name)
    symbol += llvm::isAlnum(c) ? c : '_';
  return symbol + "_model";
}

namespace {

class ModelStructEmitter {
public:
  ModelStructEmitter(ModuleOp module, const ModelStruct &model)
      : module(module), model(model), b(module.getLoc(), module.getContext()),
        ptr(LLVM::LLVMPointerType::get(module.getContext())),
        i32(b.getI32Type()), i64(b.getI64Type()) {
    b.setInsertionPointToEnd(module.getBody());
  }

  void emit();

private:
  using Body = llvm::function_ref<Value(LLVM::LLVMFuncOp)>;
  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(b, type, b.getIntegerAttr(type, value));
  }
  Value address(StringRef symbol) {
    return LLVM::AddressOfOp::create(b, ptr, symbol);
  }
  void string(StringRef symbol, StringRef text);
  void function(StringRef symbol, ArrayRef<Type> arguments, Type result,
                LLVM::Linkage linkage, Body body);
  void aggregate(StringRef symbol, Type type,
                 llvm::function_ref<
                     void(llvm::function_ref<void(Value, ArrayRef<int64_t>)>)>
                     fill);
  void emitSizes();
  void emitVariants();
  void emitModel();

  ModuleOp module;
  const ModelStruct &model;
  ImplicitLocOpBuilder b;
  Type ptr, i32, i64;
};

} // namespace

void ModelStructEmitter::string(StringRef symbol, StringRef text) {
  std::string bytes = text.str() + '\0';
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal,
                         symbol, b.getStringAttr(bytes));
}

void ModelStructEmitter::function(StringRef symbol, ArrayRef<Type> arguments,
                                  Type result, LLVM::Linkage linkage,
                                  Body body) {
  auto op = LLVM::LLVMFuncOp::create(
      b, symbol, LLVM::LLVMFunctionType::get(result, arguments), linkage);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.addEntryBlock(b));
  LLVM::ReturnOp::create(b, body(op));
}

/// A constant whose elements `fill` sets one by one.
void ModelStructEmitter::aggregate(
    StringRef symbol, Type type,
    llvm::function_ref<void(llvm::function_ref<void(Value, ArrayRef<int64_t>)>)>
        fill) {
  auto global = LLVM::GlobalOp::create(b, type, /*isConstant=*/true,
                                       LLVM::Linkage::Internal, symbol,
                                       Attribute(), /*alignment=*/8);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&global.getInitializerRegion().emplaceBlock());
  Value value = LLVM::UndefOp::create(b, type);
  fill([&](Value element, ArrayRef<int64_t> position) {
    value = LLVM::InsertValueOp::create(b, value, element, position);
  });
  LLVM::ReturnOp::create(b, value);
}

void ModelStructEmitter::emitSizes() {
  function("kv_bytes", {i64}, i64, LLVM::Linkage::Internal,
           [&](LLVM::LLVMFuncOp op) -> Value {
             Value rounded = LLVM::AndOp::create(
                 b,
                 LLVM::AddOp::create(b, op.getArgument(0),
                                     constant(i64, kKVBlockPositions - 1)),
                 constant(i64, -kKVBlockPositions));
             return LLVM::MulOp::create(
                 b, rounded, constant(i64, model.kvBytesPerPosition));
           });
  function("scratch_bytes", {i64, i32}, i64, LLVM::Linkage::Internal,
           [&](LLVM::LLVMFuncOp op) -> Value {
             Value threads = LLVM::SExtOp::create(b, i64, op.getArgument(1));
             Value divided = LLVM::AddOp::create(
                 b,
                 LLVM::MulOp::create(b, op.getArgument(0),
                                     constant(i64, model.scratchBytesPerToken)),
                 LLVM::MulOp::create(
                     b, threads, constant(i64, model.scratchBytesPerThread)));
             return LLVM::AddOp::create(
                 b, divided, constant(i64, model.scratchBytesShared));
           });
}

void ModelStructEmitter::emitVariants() {
  for (auto [i, variant] : llvm::enumerate(model.variants))
    string("variant_features_" + std::to_string(i), variant.cpuFeatures);
  auto pair = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr});
  aggregate("variants", LLVM::LLVMArrayType::get(pair, model.variants.size()),
            [&](auto set) {
              for (int64_t i = 0; i < int64_t(model.variants.size()); ++i) {
                set(address("variant_features_" + std::to_string(i)), {i, 0});
                set(address(model.variants[i].step), {i, 1});
              }
            });
}

void ModelStructEmitter::emitModel() {
  string("model_name", model.name);
  string("model_architecture", model.architecture);
  auto id = LLVM::LLVMArrayType::get(b.getI8Type(), PICOLLM_BUILD_ID_BYTES);
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), {i32, i32, ptr, ptr, id, i64, i64, i64, i64, i64, i64,
                       i64, ptr, ptr, ptr, i64});
  aggregate("model", type, [&](auto set) {
    set(constant(i32, PICOLLM_ABI_VERSION), {0});
    set(constant(i32, sizeof(picollm_compiled_model)), {1});
    set(address("model_name"), {2});
    set(address("model_architecture"), {3});
    for (int64_t i = 0; i < PICOLLM_BUILD_ID_BYTES; ++i)
      set(LLVM::ConstantOp::create(
              b, b.getI8Type(),
              b.getIntegerAttr(b.getI8Type(), int8_t(model.buildId[i]))),
          {4, i});
    int64_t member = 5;
    for (int64_t value :
         {model.weightsBytes, model.vocabulary, model.context, model.layers,
          model.embedding, model.kvHeads, model.headSize})
      set(constant(i64, value), {member++});
    set(address("kv_bytes"), {12});
    set(address("scratch_bytes"), {13});
    set(address("variants"), {14});
    set(constant(i64, model.variants.size()), {15});
  });
}

void ModelStructEmitter::emit() {
  emitSizes();
  emitVariants();
  emitModel();
  function(modelSymbol(model.name), {}, ptr, LLVM::Linkage::External,
           [&](LLVM::LLVMFuncOp) { return address("model"); });
}

void picollm::emitModelStruct(ModuleOp module, const ModelStruct &model) {
  ModelStructEmitter(module, model).emit();
}
