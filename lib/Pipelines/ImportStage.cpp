//===- ImportStage.cpp - the model and its tokenizer ----------------------===//

#include "Compilation.h"
#include "Manifest.h"
#include "picollm/Chat/ChatTemplate.h"
#include "picollm/Compression/PackedModel.h"
#include "picollm/Import/Importer.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace picollm;

/// From here on the model goes by the name of the library.
static void rename(ModuleOp module, llvm::StringRef name) {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  module->setAttr(
      "picollm.config",
      model::ConfigAttr::get(module.getContext(), name,
                             config.getArchitecture(), config.getVocabulary(),
                             config.getContextLength(), config.getLayers(),
                             config.getEmbedding(), config.getHeads(),
                             config.getKvHeads(), config.getHeadSize()));
}

/// Of every window that the model's layers have.
static std::vector<AttentionShape> attentionShapesOf(ModuleOp module,
                                                     KVCacheType cache) {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  llvm::SmallSetVector<int64_t, 2> windows;
  module.walk([&](model::AttentionOp op) {
    windows.insert(int64_t(op.getWindow().value_or(0)));
  });
  std::vector<AttentionShape> shapes;
  for (int64_t window : windows)
    shapes.push_back({config.getHeadSize(),
                      config.getHeads() / config.getKvHeads(), window, cache});
  return shapes;
}

/// How dialogs are written. That the model's own template is refused is no
/// failure, since the model runs without one; a template that the user gives in
/// `path` (or empty) is meant to work, and replaces the model's.
static llvm::Expected<ChatFormat> chatFormat(llvm::StringRef path,
                                             TokenizerData &data) {
  if (path.empty())
    return makeChatFormat(data);
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  data.chatTemplate = (*buffer)->getBuffer().str();
  ChatFormat format = makeChatFormat(data);
  if (!format.refusal.empty())
    return llvm::createStringError(path + ": " + format.refusal);
  return format;
}

llvm::Error Compilation::importModelFile() {
  TokenizerData data;
  auto read = importModel(options.model, context, data);
  if (!read)
    return read.takeError();
  module = std::move(*read);
  source =
      llvm::sys::path::filename(llvm::StringRef(options.model).rtrim("/\\"))
          .str();
  scheme = options.scheme;
  (*module)->setAttr(sourceAttribute, StringAttr::get(&context, source));
  (*module)->setAttr(schemeAttribute, StringAttr::get(&context, scheme));
  auto chat = chatFormat(options.chatTemplate, data);
  if (!chat)
    return chat.takeError();
  auto compiled = compileTokenizer(data, *chat);
  if (!compiled)
    return llvm::createStringError(options.model + ": " +
                                   llvm::toString(compiled.takeError()));
  tokenizer = std::move(*compiled);
  return llvm::Error::success();
}

/// A .picollm file gives what the stages up to pack have left.
llvm::Error Compilation::importPacked() {
  auto packed = readPackedModel(options.model, context);
  if (!packed)
    return packed.takeError();
  const PackFile &pack = *packed->file;
  module = std::move(packed->module);
  auto text = [&](llvm::StringRef attribute) {
    return (*module)->getAttrOfType<StringAttr>(attribute).getValue().str();
  };
  source = text(sourceAttribute);
  scheme = text(schemeAttribute);
  buildId = text("picollm.build_id");
  tokenizer = pack.section(PackSection::Tokenizer).str();
  llvm::StringRef allocation = pack.section(PackSection::Allocation);
  auto parsed = parseAllocation(allocation, options.model);
  if (!parsed)
    return parsed.takeError();
  report = std::move(*parsed);
  normBytes = packedNormBytes(*module);
  moveReferences(*module, pack.absolutePath(), name + ".weights",
                 -static_cast<int64_t>(pack.offset(PackSection::Weights)));
  if (llvm::Error error = pack.extractWeights(file(".weights")))
    return error;
  return writeFile(output->file("allocation.json"), allocation);
}

llvm::Error Compilation::import() {
  auto read = [&](mlir::TimingScope &) {
    return imported == Stage::Pack ? importPacked() : importModelFile();
  };
  if (llvm::Error error = measures.run(stageName(Stage::Import), read))
    return error;
  rename(*module, name);
  attentionShapes = attentionShapesOf(*module, options.kvCache);
  config = (*module)->getAttrOfType<model::ConfigAttr>("picollm.config");
  if (llvm::Error error = writeFile(file(".tokenizer"), tokenizer))
    return error;
  if (imported == Stage::Pack)
    return llvm::Error::success();
  return runPasses(Stage::Import);
}
