//===- LibraryStage.cpp - machine code ------------------------------------===//

#include "Compilation.h"
#include "Manifest.h"
#include "Tokenizer.h"

using namespace mlir;
using namespace picollm;

llvm::Error Compilation::writeObject() {
  return emitObject(*module, target, file(".o"));
}

/// Objects of the attention functions that the module calls.
static llvm::Expected<std::vector<std::string>>
attentionObjects(const AttentionShape &shape, const TargetDescription &target) {
  std::vector<std::string> objects;
  for (InstructionSet isa : target.instructionSets) {
    AttentionTarget attention{target.triple, target.requiredFeatures(isa)};
    auto object = buildAttention(shape, attention);
    if (!object)
      return object.takeError();
    if (!llvm::is_contained(objects, *object))
      objects.push_back(std::move(*object));
  }
  return objects;
}

/// Why the model takes part in no dialogs; empty: it does.
static std::string chatRefusalOf(const std::string &tokenizerBytes) {
  Tokenizer tokenizer;
  std::string problem =
      tokenizer.open(tokenizerBytes.data(), tokenizerBytes.size());
  if (!problem.empty())
    return problem;
  const TableView<char> &refusal = tokenizer.tables().chatRefusal;
  return refusal.count ? refusal.data : "";
}

llvm::Error Compilation::writeLibrary() {
  auto objects = attentionObjects(attentionShape, target);
  if (!objects)
    return objects.takeError();
  std::string object = output->scratchFile("step.o");
  if (llvm::Error error = emitObject(*module, target, object))
    return error;
  objects->insert(objects->begin(), object);
  std::string library = output->file("lib" + name + ".so");
  if (llvm::Error error =
          linkSharedLibrary(*objects, {"picollm_" + name + "_model"}, library))
    return error;
  if (llvm::Error error = writeHeader(name, file(".h")))
    return error;
  return writeManifest(options, name, *report, buildId,
                       chatRefusalOf(tokenizer), target,
                       {library, file(".h"), file(".weights"),
                        file(".tokenizer"), output->file("allocation.json")},
                       output->file("manifest.json"));
}
