//===- Compile.cpp - from a model file to a compiled model ----------------===//

#include "picollm/Pipelines/Compile.h"
#include "Compilation.h"
#include "Manifest.h"
#include "picollm/Conversion/Schedule.h"
#include "picollm/Packing/PackFile.h"
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

static bool isSingleFile(const CompileOptions &options) {
  return llvm::StringRef(options.output).ends_with(packExtension);
}

// Threads of MLIR would have nothing to do, as all passes run on the module,
// and printing IR or local reproducers of crashes forbid them.
Compilation::Compilation(const CompileOptions &options)
    : options(options),
      measures(options.timing || options.estimate || !options.report.empty()),
      context(MLIRContext::Threading::DISABLED) {}

/// What can be refused before the model is read.
llvm::Error Compilation::prepare() {
  llvm::StringRef output = options.output;
  bool singleFile = isSingleFile(options);
  output.consume_back(packExtension);
  name = options.name.empty() ? nameFrom(output) : options.name;
  if (!isIdentifier(name))
    return llvm::createStringError("--name=" + name +
                                   " is no C identifier, which the name of a "
                                   "library and its function must be");
  if (singleFile && options.compileTo != Stage::Pack)
    return llvm::createStringError(
        options.output +
        ": a .picollm file is what --compile-to=pack writes, "
        "not --compile-to=" +
        stageName(options.compileTo) + "; give a folder to write");
  if (isPackFile(options.model)) {
    imported = Stage::Pack;
    if (options.compileTo <= Stage::Pack)
      return llvm::createStringError(options.model +
                                     ": has the stages up to pack behind it; "
                                     "--compile-to takes a later one");
  }
  auto parsed = parseTarget(options.target, options.cpu, options.features);
  if (!parsed)
    return parsed.takeError();
  target = std::move(*parsed);
  if (!options.schedule.empty()) {
    auto schedules = readSchedules(&context, options.schedule);
    if (!schedules)
      return schedules.takeError();
  }
  auto created = Output::create(
      options.output, singleFile ? Output::Kind::File : Output::Kind::Folder);
  if (!created)
    return created.takeError();
  this->output = std::move(*created);
  return prepareBundle();
}

llvm::Error Compilation::runStages() {
  int last = static_cast<int>(std::min(options.compileTo, Stage::LLVM));
  for (int i = static_cast<int>(imported) + 1; i <= last; ++i) {
    Stage stage = static_cast<Stage>(i);
    if (llvm::Error error = runPasses(stage))
      return error;
    if (llvm::Error error = saveStage(stage))
      return error;
    if (stage == Stage::Allocate)
      orders = plannedOrders(*module);
    if (stage == Stage::Pack) {
      report = reportOf(*module);
      for (MatrixAllocation &matrix : report->matrices)
        matrix.stack.order = orders.lookup(matrix.name);
      normBytes = packedNormBytes(*module);
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
    return writeObject(file(".o"));
  case Stage::Library:
    return writeLibrary();
  case Stage::Pack:
    if (isSingleFile(options))
      return writePacked();
    [[fallthrough]];
  default:
    return writeIRFolder();
  }
}

llvm::Error Compilation::run() {
  if (llvm::Error error = prepare())
    return error;
  if (llvm::Error error = import())
    return error;
  preparePasses();
  if (llvm::Error error = saveStage(imported))
    return error;
  if (llvm::Error error = writeCalibrationTokens())
    return error;
  if (options.estimate)
    return estimate();
  if (llvm::Error error = runStages())
    return error;
  if (llvm::Error error = finish())
    return error;
  if (llvm::Error error = writeReport())
    return error;
  if (llvm::Error error = output->commit())
    return error;
  if (report)
    printSummary(*report, llvm::outs());
  if (options.timing)
    measures.print(llvm::errs());
  return llvm::Error::success();
}

/// `error` of run(), and where the work that was done before it lies.
llvm::Error Compilation::explain(llvm::Error error) const {
  if (!error || !output || !output->isWorthKeeping())
    return error;
  return llvm::createStringError(
      llvm::toString(std::move(error)) + "; what was done stays in " +
      output->temporaryFolder() + ", and the next compilation of " +
      options.output + " goes on from there");
}

llvm::Error picollm::compileModel(const CompileOptions &options) {
  Compilation compilation(options);
  return compilation.explain(compilation.run());
}

/// The allocation of a folder or of a .picollm file.
static llvm::Expected<AllocationReport> readReport(llvm::StringRef path) {
  if (isPackFile(path)) {
    auto file = PackFile::open(path);
    if (!file)
      return file.takeError();
    return parseAllocation((*file)->section(PackSection::Allocation), path);
  }
  llvm::SmallString<128> inFolder(path);
  llvm::sys::path::append(inFolder, "allocation.json");
  return readAllocation(inFolder);
}

llvm::Error picollm::printSummary(llvm::StringRef path) {
  auto report = readReport(path);
  if (!report)
    return report.takeError();
  printSummary(*report, llvm::outs());
  return llvm::Error::success();
}
