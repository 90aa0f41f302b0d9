//===- LibraryStage.cpp - machine code ------------------------------------===//

#include "Compilation.h"
#include "Header.h"
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
  std::vector<std::string> files = {library, file(".h"),
                                    output->file("allocation.json")};
  if (options.bundle) {
    if (llvm::Error error = linkIntoBundle(std::move(*objects), library))
      return error;
    files.push_back(output->file("picollm.h"));
  } else {
    if (llvm::Error error = linkSharedLibrary(
            *objects, {"picollm_" + name + "_model"}, library))
      return error;
    files.insert(files.end(), {file(".weights"), file(".tokenizer")});
  }
  if (llvm::Error error = writeModelHeader())
    return error;
  return writeManifest(options, name, *report, buildId,
                       chatRefusalOf(tokenizer), target, files,
                       output->file("manifest.json"));
}

llvm::Error Compilation::writeModelHeader() {
  HeaderFacts facts;
  facts.name = name;
  facts.architecture = config.getArchitecture().str();
  facts.triple = target.triple;
  facts.weights = report->weights;
  facts.bitsPerWeight = report->bitsPerWeight();
  facts.vocabulary = config.getVocabulary();
  facts.context = config.getContextLength();
  facts.bundle = options.bundle;
  return writeHeader(facts, file(".h"));
}
