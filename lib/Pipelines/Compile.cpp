//===- Compile.cpp - from a model file to a compiled model ----------------===//

#include "picollm/Pipelines/Compile.h"
#include "CalibrationTexts.h"
#include "Manifest.h"
#include "OutputFolder.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "picollm/Attention/AttentionKernels.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Import/Importer.h"
#include "picollm/Pipelines/Pipelines.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace picollm;

static constexpr const char *stageNames[] = {
    "import", "calibrate", "allocate", "quantize", "pack",
    "layout", "step",      "llvm",     "object",   "library"};

llvm::StringRef picollm::stageName(Stage stage) {
  return stageNames[static_cast<size_t>(stage)];
}

/// A C identifier out of the output folder's name.
static std::string nameFrom(llvm::StringRef output) {
  while (output.size() > 1 && llvm::sys::path::is_separator(output.back()))
    output = output.drop_back();
  std::string name;
  for (char c : llvm::sys::path::filename(output))
    name += llvm::isAlnum(c) ? llvm::toLower(c) : '_';
  if (name.empty() || llvm::isDigit(name.front()))
    name.insert(0, "model_");
  return name;
}

static bool isIdentifier(llvm::StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

namespace {

/// One compilation; members are filled stage by stage.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options) : options(options) {}
  llvm::Error run();

private:
  llvm::Error import();
  llvm::Error preparePasses();
  llvm::Error runPasses(Stage stage);
  llvm::Error saveStage(Stage stage);
  llvm::Error writeIR(llvm::StringRef path);
  llvm::Error writeObject();
  llvm::Error writeLibrary();
  llvm::Error finish();
  llvm::Error copyTo(llvm::StringRef directory,
                     llvm::ArrayRef<std::string> sources);
  llvm::Error copyReport();
  std::string file(const llvm::Twine &suffix) const {
    return output->file(name + suffix);
  }

  const CompileOptions &options;
  std::string name;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string tokenizer; ///< compiled tables
  AttentionShape attentionShape;
  std::optional<AllocationReport> report; ///< once packed
  std::string buildId;                    ///< once packed, hexadecimal
  TargetDescription target;
  std::unique_ptr<OutputFolder> output;
  PipelineOptions passOptions;
};

} // namespace

llvm::Error Compilation::import() {
  TokenizerData data;
  auto imported = importModel(options.model, context, data);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  // From here on the model goes by the name of the library.
  auto config = (*module)->getAttrOfType<model::ConfigAttr>("picollm.config");
  (*module)->setAttr(
      "picollm.config",
      model::ConfigAttr::get(
          &context, name, config.getArchitecture(), config.getVocabulary(),
          config.getContextLength(), config.getLayers(), config.getEmbedding(),
          config.getHeads(), config.getKvHeads(), config.getHeadSize()));
  attentionShape.headSize = config.getHeadSize();
  attentionShape.group = config.getHeads() / config.getKvHeads();
  auto compiled = compileTokenizer(data);
  if (!compiled)
    return llvm::createStringError(options.model + ": " +
                                   llvm::toString(compiled.takeError()));
  tokenizer = std::move(*compiled);
  return llvm::writeToOutput(file(".tokenizer"), [&](llvm::raw_ostream &os) {
    os << tokenizer;
    return llvm::Error::success();
  });
}

/// Fills the options of the passes; writes the calibration tokens.
llvm::Error Compilation::preparePasses() {
  std::string tokens = output->scratchFile("calibration.tokens");
  std::string losses = output->scratchFile("losses.json");
  bool half = options.scheme == "none";
  passOptions.calibrate.tokens = passOptions.quantize.tokens = tokens;
  passOptions.calibrate.losses = passOptions.allocate.losses = losses;
  passOptions.allocate.bits = options.bits.value_or(0);
  passOptions.allocate.size = options.size.value_or(0);
  passOptions.allocate.allocation = options.allocation;
  passOptions.allocate.half = half;
  passOptions.quantize.codes = output->scratchFile("codes");
  passOptions.pack.weights = file(".weights");
  for (InstructionSet isa : target.instructionSets)
    passOptions.toLLVM.instructionSets.push_back(nameOf(isa).str());
  passOptions.toLLVM.triple = target.triple;
  std::vector<std::string> added;
  for (llvm::StringRef feature : target.features)
    if (feature.consume_front("+"))
      added.push_back(feature.str());
  passOptions.toLLVM.features = llvm::join(added, ",");
  if (half || options.compileTo == Stage::Import)
    return llvm::Error::success();
  auto texts = calibrationTexts(options, *module, tokenizer);
  if (!texts)
    return texts.takeError();
  return writeTokenFile(tokens, *texts);
}

llvm::Error Compilation::runPasses(Stage stage) {
  if (stage == Stage::Calibrate && options.scheme == "none")
    return llvm::Error::success();
  // The message of the first error is the user's; MLIR's own form of it
  // (location, notes) is for developers of passes.
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
        message.empty())
      message = diagnostic.str();
    return success();
  });
  PassManager manager(&context);
  addStagePasses(manager, stage, passOptions);
  if (failed(manager.run(*module)))
    return llvm::createStringError(
        message.empty() ? "stage " + stageName(stage).str() + " failed"
                        : message);
  return llvm::Error::success();
}

/// Files that the IR refers to lie beside it, or will, once the output folder
/// has its name.
llvm::Error Compilation::writeIR(llvm::StringRef path) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  for (const char *member : {"losses.json", "codes"}) {
    std::string scratch = output->scratchFile(member);
    for (size_t at; (at = text.find(scratch)) != std::string::npos;)
      text.replace(at, scratch.size(), member);
  }
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << text << '\n';
    return llvm::Error::success();
  });
}

/// Copies those files that exist into a folder, which is made where missing.
llvm::Error Compilation::copyTo(llvm::StringRef directory,
                                llvm::ArrayRef<std::string> sources) {
  std::error_code error = llvm::sys::fs::create_directories(directory);
  for (const std::string &source : sources) {
    if (error || !llvm::sys::fs::exists(source))
      continue;
    llvm::SmallString<128> copy(directory);
    llvm::sys::path::append(copy, llvm::sys::path::filename(source));
    error = llvm::sys::fs::copy_file(source, copy);
  }
  if (error)
    return llvm::createStringError(directory +
                                   ": cannot be written: " + error.message());
  return llvm::Error::success();
}

llvm::Error Compilation::saveStage(Stage stage) {
  if (options.saveStages.empty())
    return llvm::Error::success();
  std::vector<std::string> files;
  if (stage == Stage::Calibrate)
    files = {passOptions.calibrate.tokens, passOptions.calibrate.losses};
  else if (stage == Stage::Quantize)
    files = {passOptions.quantize.codes};
  if (llvm::Error error = copyTo(options.saveStages, files))
    return error;
  llvm::SmallString<128> path(options.saveStages);
  llvm::sys::path::append(path, llvm::Twine(static_cast<int>(stage)) + "-" +
                                    stageName(stage) + ".mlir");
  return writeIR(path);
}

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
  return writeManifest(options, name, *report, buildId, target,
                       {library, file(".h"), file(".weights"),
                        file(".tokenizer"), output->file("allocation.json")},
                       output->file("manifest.json"));
}

llvm::Error Compilation::finish() {
  switch (options.compileTo) {
  case Stage::Object:
    return writeObject();
  case Stage::Library:
    return writeLibrary();
  case Stage::Calibrate:
  case Stage::Allocate:
  case Stage::Quantize:
    if (llvm::Error error =
            copyTo(output->file(""),
                   {passOptions.calibrate.tokens, passOptions.calibrate.losses,
                    passOptions.quantize.codes}))
      return error;
    [[fallthrough]];
  default:
    return writeIR(file(".mlir"));
  }
}

/// What explains the allocation, for --report.
llvm::Error Compilation::copyReport() {
  if (options.report.empty())
    return llvm::Error::success();
  return copyTo(options.report, {output->file("allocation.json"),
                                 passOptions.calibrate.losses});
}

llvm::Error Compilation::run() {
  name = options.name.empty() ? nameFrom(options.output) : options.name;
  if (!isIdentifier(name))
    return llvm::createStringError("--name=" + name +
                                   " is no C identifier, which the name of a "
                                   "library and its function must be");
  auto parsed = parseTarget(options.target, options.cpu, options.features);
  if (!parsed)
    return parsed.takeError();
  target = std::move(*parsed);
  auto folder = OutputFolder::create(options.output);
  if (!folder)
    return folder.takeError();
  output = std::move(*folder);

  if (llvm::Error error = import())
    return error;
  if (llvm::Error error = saveStage(Stage::Import))
    return error;
  if (llvm::Error error = preparePasses())
    return error;
  for (int i = 1; i <= static_cast<int>(options.compileTo) &&
                  i <= static_cast<int>(Stage::LLVM);
       ++i) {
    Stage stage = static_cast<Stage>(i);
    if (llvm::Error error = runPasses(stage))
      return error;
    if (llvm::Error error = saveStage(stage))
      return error;
    if (stage == Stage::Pack) {
      report = reportOf(*module);
      buildId = (*module)
                    ->getAttrOfType<StringAttr>("picollm.build_id")
                    .getValue()
                    .str();
      if (llvm::Error error =
              writeAllocation(*report, output->file("allocation.json")))
        return error;
    }
  }
  if (llvm::Error error = finish())
    return error;
  if (llvm::Error error = copyReport())
    return error;
  if (llvm::Error error = output->commit())
    return error;
  if (report)
    printSummary(*report, llvm::outs());
  return llvm::Error::success();
}

llvm::Error picollm::compileModel(const CompileOptions &options) {
  return Compilation(options).run();
}

llvm::Error picollm::printSummary(llvm::StringRef directory) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, "allocation.json");
  auto report = readAllocation(path);
  if (!report)
    return report.takeError();
  printSummary(*report, llvm::outs());
  return llvm::Error::success();
}
