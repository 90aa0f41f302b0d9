//===- ImportStage.cpp - the model and its tokenizer ----------------------===//

#include "Compilation.h"
#include "picollm/Chat/ChatTemplate.h"
#include "picollm/Import/Importer.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

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

static AttentionShape attentionShapeOf(ModuleOp module) {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  AttentionShape shape;
  shape.headSize = config.getHeadSize();
  shape.group = config.getHeads() / config.getKvHeads();
  return shape;
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

llvm::Error Compilation::import() {
  TokenizerData data;
  auto imported = importModel(options.model, context, data);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  rename(*module, name);
  attentionShape = attentionShapeOf(*module);
  config = (*module)->getAttrOfType<model::ConfigAttr>("picollm.config");
  auto chat = chatFormat(options.chatTemplate, data);
  if (!chat)
    return chat.takeError();
  auto compiled = compileTokenizer(data, *chat);
  if (!compiled)
    return llvm::createStringError(options.model + ": " +
                                   llvm::toString(compiled.takeError()));
  tokenizer = std::move(*compiled);
  return llvm::writeToOutput(file(".tokenizer"), [&](llvm::raw_ostream &os) {
    os << tokenizer;
    return llvm::Error::success();
  });
}
