//===- Importer.cpp - from a model file to the picollm dialect ------------===//

#include "picollm/Import/Importer.h"
#include "Builders.h"
#include "PicoLLM/FirstError.h"
#include "mlir/IR/Verifier.h"
#include "picollm/Support/Quote.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace picollm;
using llvm::createStringError;
using llvm::Expected;
using llvm::Twine;

namespace {
struct Family {
  llvm::StringLiteral architecture; ///< as GGUF's general.architecture
  Value (*build)(ModelAssembler &assembler);
};
} // namespace

static constexpr Family families[] = {
    {"llama", buildLlama},
    {"gemma3", buildGemma3},
};

static Expected<const Family *> findFamily(const ModelFile &file) {
  std::string known;
  for (const Family &family : families) {
    if (family.architecture == file.architecture())
      return &family;
    known += (known.empty() ? "" : ", ") + family.architecture.str();
  }
  return createStringError(file.path() + ": the architecture " +
                           quote(file.architecture()) +
                           " is not supported; supported: " + known);
}

/// What the metadata of any family may hold, but no builder supports.
static void checkSupported(ModelAssembler &assembler) {
  const ModelDescription &model = assembler.description();
  if (model.experts > 0)
    assembler.fail("is a mixture of " + Twine(model.experts) +
                   " experts, which is not supported; use a dense model");
  if (model.rotary.dimensions != model.headSize)
    assembler.fail("rotates " + Twine(model.rotary.dimensions) + " of the " +
                   Twine(model.headSize) +
                   " elements of a head; partial rotary embeddings are not "
                   "supported");
}

Expected<OwningOpRef<ModuleOp>> picollm::importModel(const ModelFile &file,
                                                     MLIRContext &context) {
  Expected<const Family *> family = findFamily(file);
  if (!family)
    return family.takeError();
  Expected<ModelDescription> description = file.describe();
  if (!description)
    return description.takeError();
  context.loadDialect<func::FuncDialect, model::ModelDialect>();

  ModelAssembler assembler(context, file, *description);
  checkSupported(assembler);
  Value logits = (*family)->build(assembler);
  Expected<OwningOpRef<ModuleOp>> module = assembler.finish(logits);
  if (!module)
    return module.takeError();

  FirstError error(context);
  if (failed(verify(**module)))
    return createStringError(file.path() +
                             ": breaks a rule of the IR: " + error.message());
  return module;
}

Expected<OwningOpRef<ModuleOp>>
picollm::importModel(StringRef path, MLIRContext &context,
                     ImportedTokenizer &tokenizer) {
  Expected<std::unique_ptr<ModelFile>> file = openModelFile(path);
  if (!file)
    return file.takeError();
  Expected<OwningOpRef<ModuleOp>> module = importModel(**file, context);
  if (!module)
    return module.takeError();
  Expected<TokenizerData> data = (*file)->readTokenizer();
  if (!data)
    return data.takeError();
  tokenizer = std::move(*data);
  return module;
}

WeightSource picollm::toWeightSource(model::WeightOp weight,
                                     StringRef directory) {
  model::WeightRefAttr reference = weight.getRef();
  auto type = cast<RankedTensorType>(weight.getType());
  WeightSource source;
  source.name = weight.getSymName().str();
  SmallString<128> path(reference.getFile());
  if (!directory.empty() && llvm::sys::path::is_relative(path)) {
    path = directory;
    llvm::sys::path::append(path, reference.getFile());
  }
  source.file = path.str().str();
  source.offset = reference.getOffset();
  source.size = reference.getSize();
  source.encoding = reference.getEncoding().str();
  source.rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
  source.columns = type.getDimSize(type.getRank() - 1);
  source.interleavedHeads = weight.getInterleavedHeads().value_or(0);
  if (weight.getPlus())
    source.plus = weight.getPlus()->convertToDouble();
  return source;
}
