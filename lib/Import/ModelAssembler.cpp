//===- ModelAssembler.cpp - builds a model's IR op by op ------------------===//

#include "ModelAssembler.h"
#include "Rotation.h"
#include "picollm/Support/Quote.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>

using namespace mlir;
using namespace picollm;
using llvm::createStringError;
using llvm::Expected;
using llvm::Twine;

ModelAssembler::ModelAssembler(MLIRContext &context, const ModelFile &file,
                               const ModelDescription &model)
    : file(file), model(model), builder(&context),
      location(builder.getUnknownLoc()), module(ModuleOp::create(location)) {
  (*module)->setAttr(
      model::configAttributeName,
      model::ConfigAttr::get(&context, model.name, file.architecture(),
                             model.vocabulary, model.context, model.layers,
                             model.embedding, model.heads, model.kvHeads,
                             model.headSize));
  auto ids =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  builder.setInsertionPointToEnd(module->getBody());
  forward = func::FuncOp::create(
      builder, location, "forward",
      builder.getFunctionType({ids, ids}, {activation(model.vocabulary)}));
  builder.setInsertionPointToStart(forward.addEntryBlock());
}

Value ModelAssembler::tokens() { return forward.getArgument(0); }
Value ModelAssembler::positions() { return forward.getArgument(1); }

void ModelAssembler::fail(const Twine &message) {
  if (error.empty())
    error = (file.path() + ": " + message).str();
}

RankedTensorType ModelAssembler::activation(int64_t columns) {
  return RankedTensorType::get({ShapedType::kDynamic, columns},
                               builder.getF32Type());
}

int64_t ModelAssembler::columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

//===-- Weights
//-------------------------------------------------------------===//

bool ModelAssembler::hasTensor(StringRef name) const {
  return file.findTensor(name).has_value();
}

FlatSymbolRefAttr ModelAssembler::declare(StringRef name, int64_t rows,
                                          int64_t columns,
                                          int64_t interleavedHeads,
                                          bool isVector) {
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), name);
  std::optional<WeightSource> source = file.findTensor(name);
  if (!source) {
    fail("tensor " + quote(file.nameInFile(name)) +
         " is missing; the file is not a complete model");
    return symbol;
  }
  if (source->rows != rows || source->columns != columns) {
    fail("tensor " + quote(file.nameInFile(name)) + " has " +
         Twine(source->rows) + " x " + Twine(source->columns) +
         " elements, expected " + Twine(rows) + " x " + Twine(columns) +
         " by the file's metadata");
    return symbol;
  }
  if (!used.insert(name).second)
    return symbol;

  SmallString<128> path(source->file);
  if (std::error_code failed = llvm::sys::fs::make_absolute(path))
    fail("the absolute path cannot be found: " + failed.message());
  auto reference =
      model::WeightRefAttr::get(builder.getContext(), path, source->offset,
                                source->size, source->encoding, /*hash=*/"");
  auto type =
      isVector ? RankedTensorType::get({columns}, builder.getF32Type())
               : RankedTensorType::get({rows, columns}, builder.getF32Type());
  IntegerAttr heads = interleavedHeads
                          ? builder.getI64IntegerAttr(interleavedHeads)
                          : IntegerAttr();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(forward);
  model::WeightOp::create(
      builder, location, builder.getStringAttr(name), TypeAttr::get(type),
      reference, heads,
      source->plus != 0 ? builder.getF64FloatAttr(source->plus) : FloatAttr());
  return symbol;
}

FlatSymbolRefAttr ModelAssembler::matrix(StringRef name, int64_t rows,
                                         int64_t columns,
                                         int64_t interleavedHeads) {
  return declare(name, rows, columns, interleavedHeads, /*isVector=*/false);
}

FlatSymbolRefAttr ModelAssembler::vector(StringRef name, int64_t size) {
  return declare(name, 1, size, /*interleavedHeads=*/0, /*isVector=*/true);
}

model::RotationAttr ModelAssembler::rotation() {
  std::vector<float> factors = model.rotary.factors;
  if (std::optional<WeightSource> source =
          file.findTensor("rope_freqs.weight")) {
    used.insert(source->name);
    int64_t pairs = model.rotary.dimensions / 2;
    if (source->rows != 1 || source->columns != pairs) {
      fail("tensor 'rope_freqs.weight' has " + Twine(source->rows) + " x " +
           Twine(source->columns) + " elements, expected one for each of the " +
           Twine(pairs) + " rotated pairs");
    } else if (Expected<std::vector<float>> values =
                   WeightReader().read(*source)) {
      factors = std::move(*values);
    } else {
      std::string message = llvm::toString(values.takeError());
      if (error.empty())
        error = message; // names the file itself
    }
  }
  for (float factor : factors)
    if (!std::isfinite(factor) || factor <= 0) {
      fail("tensor 'rope_freqs.weight' holds " + std::to_string(factor) +
           ", expected positive factors; the file is damaged");
      factors.clear();
      break;
    }
  return rotation(model.rotary, factors);
}

model::RotationAttr ModelAssembler::rotation(const RotaryDescription &rotary) {
  return rotation(rotary, rotary.factors);
}

model::RotationAttr ModelAssembler::rotation(const RotaryDescription &rotary,
                                             llvm::ArrayRef<float> factors) {
  return model::RotationAttr::get(
      builder.getContext(),
      builder.getDenseF64ArrayAttr(rotaryFrequencies(rotary, factors)),
      builder.getF64FloatAttr(rotaryScale(rotary)));
}

//===-- Ops
//-----------------------------------------------------------------===//

Value ModelAssembler::embedding(StringRef weight, std::optional<double> scale) {
  auto symbol = matrix(weight, model.vocabulary, model.embedding);
  return model::EmbeddingOp::create(
      builder, location, activation(model.embedding), symbol, tokens(),
      scale ? builder.getF64FloatAttr(*scale) : FloatAttr());
}

Value ModelAssembler::rmsNorm(Value input, StringRef weight) {
  auto symbol = vector(weight, columnsOf(input));
  return model::RMSNormOp::create(
      builder, location, input.getType(), input, symbol,
      builder.getF64FloatAttr(model.normEpsilon), /*heads=*/IntegerAttr());
}

Value ModelAssembler::headNorm(Value input, StringRef weight, int64_t heads) {
  auto symbol = vector(weight, columnsOf(input) / heads);
  return model::RMSNormOp::create(builder, location, input.getType(), input,
                                  symbol,
                                  builder.getF64FloatAttr(model.normEpsilon),
                                  builder.getI64IntegerAttr(heads));
}

Value ModelAssembler::linear(Value input, StringRef weight, int64_t rows,
                             int64_t interleavedHeads) {
  auto symbol = matrix(weight, rows, columnsOf(input), interleavedHeads);
  return model::LinearOp::create(builder, location, activation(rows), input,
                                 symbol);
}

Value ModelAssembler::rotary(Value input, model::RotationAttr rotation,
                             int64_t heads) {
  return model::RotaryOp::create(builder, location, input.getType(), input,
                                 positions(), rotation,
                                 builder.getI64IntegerAttr(heads));
}

Value ModelAssembler::attention(Value query, Value key, Value value,
                                int64_t layer, int64_t window) {
  double scale = model.attentionScale != 0
                     ? model.attentionScale
                     : 1 / std::sqrt(double(model.headSize));
  return model::AttentionOp::create(
      builder, location, query.getType(), query, key, value, positions(),
      builder.getI64IntegerAttr(layer), builder.getI64IntegerAttr(model.heads),
      builder.getI64IntegerAttr(model.kvHeads), builder.getF64FloatAttr(scale),
      window ? builder.getI64IntegerAttr(window) : IntegerAttr());
}

Value ModelAssembler::gated(model::GateFunction function, Value gate,
                            Value up) {
  return model::GatedOp::create(builder, location, gate.getType(), function,
                                gate, up);
}

Value ModelAssembler::add(Value lhs, Value rhs) {
  return model::AddOp::create(builder, location, lhs.getType(), lhs, rhs);
}

Value ModelAssembler::wanted(Value input) {
  return model::WantedOp::create(builder, location, input.getType(), input);
}

Value ModelAssembler::logits(Value input, StringRef weight) {
  auto symbol = matrix(weight, model.vocabulary, columnsOf(input));
  return model::LogitsOp::create(builder, location,
                                 activation(model.vocabulary), input, symbol);
}

//===-- The end
//-------------------------------------------------------------===//

void ModelAssembler::checkUnusedTensors() {
  for (const std::string &name : file.tensorNames()) {
    if (used.contains(name))
      continue;
    StringRef reason = "";
    if (StringRef(name).ends_with(".bias"))
      reason = ": biases are not supported";
    return fail("tensor " + quote(file.nameInFile(name)) +
                " is not part of a model of the '" + file.architecture() +
                "' family as it is supported" + reason);
  }
}

Expected<OwningOpRef<ModuleOp>> ModelAssembler::finish(Value logits) {
  func::ReturnOp::create(builder, location, logits);
  if (!failed())
    checkUnusedTensors();
  if (failed())
    return createStringError(Twine(error));
  return std::move(module);
}
