//===- FloatModel.cpp - a model file by the reference interpreter ---------===//

#include "LanguageModel.h"
#include "Tokenizer.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/Importer.h"
#include "picollm/Reference/ReferenceModel.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {
class FloatModel : public LanguageModel {
public:
  explicit FloatModel(llvm::StringRef path) : path(path) {}

  Error load();
  Expected<std::vector<int32_t>> tokenize(llvm::StringRef text) override;
  Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
            LogitsVisitor visit) override;

private:
  std::string path;
  mlir::MLIRContext context;
  TokenizerData tokenizerData;
  std::vector<uint64_t> tables; ///< for the alignment that they want
  std::optional<Tokenizer> tokenizer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  WeightReader reader;
  std::unique_ptr<ReferenceModel> reference;
};
} // namespace

Error FloatModel::load() {
  auto imported = importModel(path, context, tokenizerData);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  auto created = ReferenceModel::create(*module, reader);
  if (!created)
    return created.takeError();
  reference = std::move(*created);
  return Error::success();
}

Expected<std::vector<int32_t>> FloatModel::tokenize(llvm::StringRef text) {
  if (!tokenizer) {
    if (tokenizerData.model.empty())
      return llvm::createStringError(path + ": holds no tokenizer");
    Expected<std::string> bytes = compileTokenizer(tokenizerData);
    if (!bytes)
      return bytes.takeError();
    tables.resize((bytes->size() + 7) / 8);
    std::memcpy(tables.data(), bytes->data(), bytes->size());
    std::string problem =
        tokenizer.emplace().open(tables.data(), bytes->size());
    if (!problem.empty())
      return llvm::createStringError(path + ": " + problem);
  }
  std::vector<int32_t> tokens =
      tokenizer->encode({text.data(), text.size()}, /*parseSpecial=*/false);
  if (tokenizer->addBos())
    tokens.insert(tokens.begin(), tokenizer->bos());
  return tokens;
}

Error FloatModel::run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
                      LogitsVisitor visit) {
  Expected<Matrix> rows = reference->logits(tokens, firstWanted);
  if (!rows)
    return rows.takeError();
  return visit(firstWanted, *rows);
}

Expected<std::unique_ptr<LanguageModel>>
picollm::loadFloatModel(llvm::StringRef path) {
  auto model = std::make_unique<FloatModel>(path);
  if (Error error = model->load())
    return std::move(error);
  return model;
}
