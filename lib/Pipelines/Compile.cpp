//===- Compile.cpp - from a model file to a compiled model ----------------===//

#include "picollm/Pipelines/Compile.h"
#include "Compilation.h"
#include "Manifest.h"
#include "llvm/ADT/StringExtras.h"
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

/// What can be refused before the model is looked at.
llvm::Error Compilation::prepare() {
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
  return prepareBundle();
}

llvm::Error Compilation::runStages() {
  int last = static_cast<int>(std::min(options.compileTo, Stage::LLVM));
  for (int i = static_cast<int>(Stage::Calibrate); i <= last; ++i) {
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
  return llvm::Error::success();
}

/// Writes what the last stage is asked to leave.
llvm::Error Compilation::finish() {
  switch (options.compileTo) {
  case Stage::Object:
    return writeObject();
  case Stage::Library:
    return writeLibrary();
  default:
    return writeIRFolder();
  }
}

llvm::Error Compilation::run() {
  if (llvm::Error error = prepare())
    return error;
  if (llvm::Error error = import())
    return error;
  if (llvm::Error error = saveStage(Stage::Import))
    return error;
  if (llvm::Error error = preparePasses())
    return error;
  if (llvm::Error error = runStages())
    return error;
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
