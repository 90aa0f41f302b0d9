//===- PackedModel.cpp - a packed model as one file -----------------------===//

#include "picollm/Compression/PackedModel.h"
#include "PicoLLM/FirstError.h"
#include "PicoLLM/Layout/LayoutDialect.h"
#include "PicoLLM/Model/Model.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace picollm;
using model::WeightRefAttr;

/// The name of the weights in the bytecode: those of the file itself.
static constexpr llvm::StringLiteral ownWeights = "weights";

/// Calls change(ref) for the references of all weights and matrices and puts
/// what it returns in their place.
static void
mapReferences(ModuleOp module,
              llvm::function_ref<WeightRefAttr(WeightRefAttr)> change) {
  for (auto weight : module.getOps<model::WeightOp>())
    weight.setRefAttr(change(weight.getRef()));
  for (auto matrix : module.getOps<layout::MatrixOp>())
    matrix.setRefAttr(change(matrix.getRef()));
}

static WeightRefAttr moved(WeightRefAttr ref, llvm::StringRef file,
                           int64_t shift) {
  return WeightRefAttr::get(ref.getContext(), file, ref.getOffset() + shift,
                            ref.getSize(), ref.getEncoding(), ref.getHash());
}

void picollm::moveReferences(ModuleOp module, llvm::StringRef from,
                             llvm::StringRef to, int64_t shift) {
  mapReferences(module, [&](WeightRefAttr ref) {
    return ref.getFile() == from ? moved(ref, to, shift) : ref;
  });
}

llvm::Error picollm::writePackedModel(ModuleOp module,
                                      llvm::StringRef tokenizer,
                                      llvm::StringRef allocation,
                                      llvm::StringRef weightFile,
                                      llvm::StringRef path) {
  OwningOpRef<ModuleOp> copy = module.clone();
  llvm::StringRef weights = llvm::sys::path::filename(weightFile);
  // The float matrices remain in the model file, which is not kept; nothing
  // reads them, and the folder it was in is nobody's business.
  mapReferences(*copy, [&](WeightRefAttr ref) {
    llvm::StringRef file = llvm::sys::path::filename(ref.getFile());
    return moved(ref, file == weights ? llvm::StringRef(ownWeights) : file, 0);
  });
  std::string bytecode;
  llvm::raw_string_ostream stream(bytecode);
  if (failed(
          writeBytecodeToFile(*copy, stream, BytecodeWriterConfig("picollm"))))
    return llvm::createStringError(path +
                                   ": the model cannot be kept as bytecode");
  return writePackFile(path, bytecode, tokenizer, allocation, weightFile);
}

/// Every reference to packed bytes lies inside the weights.
static bool referencesFit(ModuleOp module, int64_t bytes) {
  bool fit = true;
  mapReferences(module, [&](WeightRefAttr ref) {
    if (ref.getFile() == ownWeights)
      fit &= ref.getOffset() >= 0 && ref.getSize() >= 0 &&
             ref.getOffset() <= bytes &&
             ref.getSize() <= bytes - ref.getOffset();
    return ref;
  });
  for (auto matrix : module.getOps<layout::MatrixOp>())
    fit &= matrix.getRef().getFile() == ownWeights;
  return fit;
}

llvm::Expected<PackedModel> picollm::readPackedModel(llvm::StringRef path,
                                                     MLIRContext &context) {
  auto file = PackFile::open(path);
  if (!file)
    return file.takeError();
  PackedModel result;
  result.file = std::move(*file);
  context.loadDialect<func::FuncDialect, model::ModelDialect,
                      layout::LayoutDialect>();
  FirstError error(context);
  result.module = parseSourceString<ModuleOp>(
      result.file->section(PackSection::Module), &context);
  if (!result.module)
    return llvm::createStringError(
        path +
        ": its model cannot be read, as another version of the "
        "compiler wrote it or somebody changed it (" +
        error.message() + "); pack the model again");
  auto isText = [&](llvm::StringRef name) {
    return bool((*result.module)->getAttrOfType<StringAttr>(name));
  };
  if (!(*result.module)->getAttrOfType<model::ConfigAttr>("picollm.config") ||
      !isText("picollm.build_id") || !isText(sourceAttribute) ||
      !isText(schemeAttribute) ||
      !referencesFit(*result.module,
                     result.file->section(PackSection::Weights).size()))
    return llvm::createStringError(
        path + ": its model and its weights do not belong together; pack the "
               "model again");
  moveReferences(*result.module, ownWeights, result.file->absolutePath(),
                 result.file->offset(PackSection::Weights));
  return result;
}
