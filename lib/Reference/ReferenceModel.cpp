//===- ReferenceModel.cpp - evaluates a model of the IR -------------------===//

#include "picollm/Reference/ReferenceModel.h"
#include "PicoLLM/Model/Model.h"
#include "PicoLLM/Step/Step.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "picollm/Import/Importer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

template <typename... Parts> static Error failure(const Parts &...parts) {
  std::string text;
  llvm::raw_string_ostream os(text);
  (os << ... << parts);
  return llvm::createStringError(text);
}

Expected<std::unique_ptr<ReferenceModel>>
ReferenceModel::create(mlir::ModuleOp module, WeightReader &reader,
                       const Options &options) {
  std::unique_ptr<ReferenceModel> model(new ReferenceModel(reader, options));
  if (Error error = model->prepare(module, options))
    return std::move(error);
  return model;
}

Expected<std::unique_ptr<ReferenceModel>>
ReferenceModel::create(mlir::ModuleOp module, WeightReader &reader) {
  return create(module, reader, Options());
}

Error ReferenceModel::prepare(mlir::ModuleOp module, const Options &options) {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  if (!config)
    return failure("module has no attribute 'picollm.config'; only models "
                   "that the importer made can be evaluated");
  vocabularySize = config.getVocabulary();
  contextSize = config.getContextLength();
  for (auto weight : module.getOps<model::WeightOp>())
    store.add(toWeightSource(weight, options.directory));
  for (auto weight : module.getOps<layout::MatrixOp>()) {
    llvm::SmallString<128> file(weight.getRef().getFile());
    if (!options.directory.empty())
      llvm::sys::path::make_absolute(options.directory, file);
    packed.add(weight.getSymName(), std::string(file),
               weight.getRef().getOffset(),
               llvm::cast<layout::MatrixType>(weight.getType()).getLayout());
  }

  if (auto forward = module.lookupSymbol<mlir::func::FuncOp>("forward")) {
    if (forward.isExternal() || !llvm::hasSingleElement(forward.getBody()) ||
        forward.getNumArguments() != 2 || forward.getNumResults() != 1)
      return failure("function @forward must have one block, the arguments "
                     "tokens and positions and one result");
    mlir::Block &block = forward.getBody().front();
    tokens = block.getArgument(0);
    positions = block.getArgument(1);
    result = block.getTerminator()->getOperand(0);
    return prepareOps(block);
  }
  for (auto program : module.getOps<step::ProgramOp>()) {
    mlir::Block &block = program.getBody().front();
    tokens = block.getArgument(0);
    result = block.getArgument(1);
    return prepareOps(block);
  }
  return failure("module has neither a function @forward nor a "
                 "picollm_step.program");
}

Error ReferenceModel::prepareOps(mlir::Block &block) {
  EvaluationTable table;
  addModelLevel(table);
  addLayoutLevel(table);
  addStepLevel(table);
  llvm::DenseMap<mlir::Value, size_t> lastUse;
  for (mlir::Operation &op : block) {
    if (op.hasTrait<mlir::OpTrait::IsTerminator>())
      break;
    auto function = table.find(op.getName().getStringRef());
    if (function == table.end())
      return failure("the interpreter does not know the op '",
                     op.getName().getStringRef(), "'");
    for (mlir::Value operand : op.getOperands())
      lastUse[operand] = ops.size();
    ops.push_back(&op);
    functions.push_back(function->second);
  }
  lastUses.resize(ops.size());
  for (auto [value, index] : lastUse)
    if (value != result)
      lastUses[index].push_back(value);
  return Error::success();
}

Error ReferenceModel::evaluate(int64_t first, int64_t last,
                               Evaluation &evaluation) {
  for (int64_t i = first; i < last; ++i) {
    if (Error error = functions[i](ops[i], evaluation))
      return error;
    if (evaluation.keepsValues)
      continue;
    for (mlir::Value value : lastUses[i])
      evaluation.values.erase(value);
  }
  return Error::success();
}

Error ReferenceModel::checkTokens(llvm::ArrayRef<int32_t> ids) const {
  for (int32_t id : ids)
    if (id < 0 || id >= vocabularySize)
      return failure("token ", id, " is outside the vocabulary of ",
                     vocabularySize, " tokens");
  return Error::success();
}

Error ReferenceModel::check(llvm::ArrayRef<int32_t> ids, int64_t position,
                            int64_t firstWanted) const {
  if (Error error = checkTokens(ids))
    return error;
  if (ids.empty())
    return failure("at least one token is needed");
  if (position + int64_t(ids.size()) > contextSize)
    return failure("position ", position, " and ", ids.size(),
                   " tokens exceed the model's context of ", contextSize,
                   " positions");
  if (firstWanted < 0 || firstWanted > int64_t(ids.size()))
    return failure("first wanted token ", firstWanted, " is not one of the ",
                   ids.size(), " tokens");
  return Error::success();
}

Expected<Matrix> ReferenceModel::run(llvm::ArrayRef<Span> spans,
                                     std::vector<int32_t> allTokens) {
  Evaluation evaluation = startEvaluation(spans);
  std::vector<int32_t> allPositions;
  int64_t wanted = 0;
  for (const Span &span : spans) {
    for (int64_t i = 0; i < span.rows; ++i)
      allPositions.push_back(span.position + i);
    wanted += span.rows - span.firstWanted;
  }
  evaluation.values[tokens] = std::move(allTokens);
  if (positions)
    evaluation.values[positions] = std::move(allPositions);
  else
    evaluation.values[result] = Matrix(wanted, vocabularySize);
  if (Error error = evaluate(0, ops.size(), evaluation))
    return std::move(error);
  return std::move(evaluation.matrix(result));
}

Expected<Matrix> ReferenceModel::logits(llvm::ArrayRef<int32_t> ids,
                                        int64_t firstWanted) {
  if (Error error = check(ids, 0, firstWanted))
    return std::move(error);
  Span span;
  span.rows = ids.size();
  span.firstWanted = firstWanted;
  return run(span, ids.vec());
}

Expected<Matrix> ReferenceModel::forward(llvm::ArrayRef<Feed> feeds) {
  std::vector<Span> spans;
  std::vector<int32_t> allTokens;
  for (const Feed &feed : feeds) {
    if (Error error =
            check(feed.tokens, feed.sequence->length, feed.firstWanted))
      return std::move(error);
    spans.push_back({int64_t(feed.tokens.size()), feed.sequence->length,
                     feed.firstWanted, feed.sequence});
    allTokens.insert(allTokens.end(), feed.tokens.begin(), feed.tokens.end());
  }
  Expected<Matrix> rows = run(spans, std::move(allTokens));
  if (rows)
    for (const Feed &feed : feeds)
      feed.sequence->length += feed.tokens.size();
  return rows;
}
