//===- LibraryStage.cpp - machine code ------------------------------------===//

#include "Compilation.h"
#include "Header.h"
#include "Manifest.h"
#include "Tokenizer.h"
#include "picollm/Packing/WeightFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace picollm;

llvm::Error Compilation::writeObject(llvm::StringRef path) {
  return measures.run(stageName(Stage::Object), [&](TimingScope &) {
    return emitObject(*module, target, path);
  });
}

/// Objects of the attention functions that the module calls.
static llvm::Expected<std::vector<std::string>>
attentionObjects(llvm::ArrayRef<AttentionShape> shapes,
                 const TargetDescription &target) {
  std::vector<std::string> objects;
  for (const AttentionShape &shape : shapes)
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
  auto objects = attentionObjects(attentionShapes, target);
  if (!objects)
    return objects.takeError();
  std::string object = output->scratchFile("step.o");
  if (llvm::Error error = writeObject(object))
    return error;
  objects->insert(objects->begin(), object);
  std::string library = output->file("lib" + name + ".so");
  // Bundles take the weight file into the library.
  auto weights = checkWeightFile(file(".weights"), /*content=*/false);
  if (!weights)
    return weights.takeError();
  std::vector<std::string> files = {library, file(".h"),
                                    output->file("allocation.json")};
  files.push_back(options.bundle ? output->file("picollm.h")
                                 : file(".tokenizer"));
  auto link = [&](TimingScope &) {
    return options.bundle
               ? linkIntoBundle(std::move(*objects), library)
               : linkSharedLibrary(*objects, {"picollm_" + name + "_model"},
                                   library);
  };
  if (llvm::Error error = measures.run(stageName(Stage::Library), link))
    return error;
  if (llvm::Error error = writeModelHeader())
    return error;
  ModelIdentity identity;
  identity.name = name;
  identity.source = source;
  identity.scheme = scheme;
  identity.kvCache = options.kvCache;
  identity.buildId = buildId;
  identity.weightsSha256 =
      llvm::toHex(weights->contentSha256, /*LowerCase=*/true);
  identity.chatRefusal = chatRefusalOf(tokenizer);
  return writeManifest(identity, *report, target, files,
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
