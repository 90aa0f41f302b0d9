//===- InterpretedModel.cpp - a model by the reference interpreter ------===//

#include "LanguageModel.h"
#include "PicoLLM/FirstError.h"
#include "PicoLLM/Step/Step.h"
#include "Tokenizer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "picollm/Compression/PackedModel.h"
#include "picollm/Import/Importer.h"
#include "picollm/Reference/ReferenceModel.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {
class InterpretedModel : public LanguageModel {
public:
  explicit InterpretedModel(llvm::StringRef path) : path(path) {}

  Error load(llvm::StringRef givenFolder);
  Expected<std::vector<int32_t>> tokenize(llvm::StringRef text) override;
  int64_t contextLength() const override { return reference->context(); }
  Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
            LogitsVisitor visit) override;

private:
  Error importFile();
  Error readPacked();
  Error parseIR(llvm::StringRef folder);
  Error openTokenizer(llvm::StringRef bytes);

  std::string path;
  mlir::MLIRContext context;
  TokenizerData tokenizerData;
  std::vector<uint64_t> tables;       ///< for the alignment that they want
  std::optional<Tokenizer> tokenizer; ///< of those that have one
  mlir::OwningOpRef<mlir::ModuleOp> module;
  WeightReader reader;
  std::unique_ptr<ReferenceModel> reference;
};
} // namespace

Error InterpretedModel::importFile() {
  auto imported = importModel(path, context, tokenizerData);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  if (tokenizerData.model.empty())
    return Error::success();
  Expected<std::string> bytes = compileTokenizer(tokenizerData);
  if (!bytes)
    return llvm::createStringError(path + ": " +
                                   llvm::toString(bytes.takeError()));
  return openTokenizer(*bytes);
}

/// On the layout level, where the packed matrices are used as they are.
Error InterpretedModel::readPacked() {
  auto packed = readPackedModel(path, context);
  if (!packed)
    return packed.takeError();
  module = std::move(packed->module);
  mlir::PassManager manager(&context);
  manager.addPass(createConvertModelToLayout());
  manager.addPass(mlir::createCanonicalizerPass());
  FirstError error(context);
  if (mlir::failed(manager.run(*module)))
    return llvm::createStringError(path + ": " + error.message());
  return openTokenizer(packed->file->section(PackSection::Tokenizer));
}

/// The only file of the folder with that extension; empty if there is none.
static std::string findFile(llvm::StringRef folder, llvm::StringRef extension) {
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end;
       it != end && !code; it.increment(code))
    if (llvm::sys::path::extension(it->path()) == extension)
      return it->path();
  return {};
}

Error InterpretedModel::parseIR(llvm::StringRef folder) {
  context.loadDialect<model::ModelDialect, layout::LayoutDialect,
                      step::StepDialect, mlir::func::FuncDialect,
                      mlir::memref::MemRefDialect>();
  FirstError error(context);
  module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!module)
    return llvm::createStringError(path + ": " + error.message());
  std::string tokenizerPath = findFile(folder, ".tokenizer");
  if (tokenizerPath.empty())
    return Error::success();
  auto buffer = llvm::MemoryBuffer::getFile(tokenizerPath);
  if (!buffer)
    return llvm::createStringError(
        tokenizerPath + ": cannot be read: " + buffer.getError().message());
  return openTokenizer((*buffer)->getBuffer());
}

Error InterpretedModel::openTokenizer(llvm::StringRef bytes) {
  tables.resize((bytes.size() + 7) / 8);
  std::memcpy(tables.data(), bytes.data(), bytes.size());
  std::string problem = tokenizer.emplace().open(tables.data(), bytes.size());
  if (problem.empty())
    return Error::success();
  return llvm::createStringError("tokenizer of " + path + ": " + problem);
}

Error InterpretedModel::load(llvm::StringRef givenFolder) {
  std::string folder(givenFolder.empty() ? llvm::sys::path::parent_path(path)
                                         : givenFolder);
  if (folder.empty())
    folder = ".";
  bool isIR = isIRFile(path);
  if (Error error = isIR               ? parseIR(folder)
                    : isPackFile(path) ? readPacked()
                                       : importFile())
    return error;
  ReferenceModel::Options options;
  if (isIR)
    options.directory = folder;
  auto created = ReferenceModel::create(*module, reader, options);
  if (!created)
    return llvm::createStringError(path + ": " +
                                   llvm::toString(created.takeError()));
  reference = std::move(*created);
  return Error::success();
}

Expected<std::vector<int32_t>>
InterpretedModel::tokenize(llvm::StringRef text) {
  if (!tokenizer)
    return llvm::createStringError(path + ": there is no tokenizer with it");
  std::vector<int32_t> tokens =
      tokenizer->encode({text.data(), text.size()}, /*parseSpecial=*/false);
  if (tokenizer->addBos())
    tokens.insert(tokens.begin(), tokenizer->bos());
  return tokens;
}

Error InterpretedModel::run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
                            LogitsVisitor visit) {
  Expected<Matrix> rows = reference->logits(tokens, firstWanted);
  if (!rows)
    return rows.takeError();
  return visit(firstWanted, *rows);
}

bool picollm::isIRFile(llvm::StringRef path) {
  llvm::StringRef extension = llvm::sys::path::extension(path);
  return extension == ".mlir" || extension == ".mlirbc";
}

Expected<std::unique_ptr<LanguageModel>>
picollm::loadInterpretedModel(llvm::StringRef path, llvm::StringRef folder) {
  auto model = std::make_unique<InterpretedModel>(path);
  if (Error error = model->load(folder))
    return std::move(error);
  return model;
}
