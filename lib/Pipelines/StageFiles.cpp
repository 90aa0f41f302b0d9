//===- StageFiles.cpp - what a stage leaves to be read --------------------===//

#include "Compilation.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/PackedModel.h"
#include "picollm/Report/ReportPage.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/weight_file.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <ctime>

using namespace mlir;
using namespace picollm;

static llvm::Error copyFile(llvm::StringRef source, llvm::StringRef copy) {
  uint64_t bytes;
  if (std::error_code error = llvm::sys::fs::file_size(source, bytes))
    return llvm::createStringError(source +
                                   ": cannot be read: " + error.message());
  return writeFile(copy,
                   [&](FileStream &os) { return os.append(source, 0, bytes); });
}

/// Copies those files that exist into a folder, which is made where missing.
static llvm::Error copyTo(llvm::StringRef directory,
                          llvm::ArrayRef<std::string> sources) {
  std::error_code error = llvm::sys::fs::create_directories(directory);
  for (const std::string &source : sources) {
    if (error || !llvm::sys::fs::exists(source))
      continue;
    llvm::SmallString<128> copy(directory);
    llvm::sys::path::append(copy, llvm::sys::path::filename(source));
    if (llvm::Error failure = copyFile(source, copy))
      return failure;
  }
  if (error)
    return llvm::createStringError(directory +
                                   ": cannot be written: " + error.message());
  return llvm::Error::success();
}

/// Files that the IR refers to lie beside it, or will, once the output folder
/// has its name.
llvm::Error Compilation::writeIR(llvm::StringRef path) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  for (const std::string &path :
       {passOptions.calibrate.losses, passOptions.quantize.codes,
        passOptions.tune.codes}) {
    llvm::StringRef member = llvm::sys::path::filename(path);
    for (size_t at = 0; (at = text.find(path, at)) != std::string::npos;
         at += member.size())
      text.replace(at, path.size(), member);
  }
  return writeFile(path, text + "\n");
}

/// What the stages before pack leave beside their IR, as far as they ran.
std::vector<std::string> Compilation::compressionFiles() const {
  std::vector<std::string> files;
  if (isCalibrated())
    files.push_back(passOptions.calibrate.tokens);
  if (isAllocated())
    files.push_back(passOptions.calibrate.losses);
  if (options.compileTo >= Stage::Quantize)
    files.push_back(isTuned() ? passOptions.tune.codes
                              : passOptions.quantize.codes);
  return files;
}

/// The output folder of a stage before object: its IR and what that refers to.
llvm::Error Compilation::writeIRFolder() {
  if (options.compileTo >= Stage::Calibrate &&
      options.compileTo <= Stage::Quantize)
    if (llvm::Error error = copyTo(output->file(""), compressionFiles()))
      return error;
  return writeIR(file(".mlir"));
}

llvm::Error Compilation::saveStage(Stage stage) {
  if (options.saveStages.empty())
    return llvm::Error::success();
  // What else the stages leave was made there.
  if (llvm::Error error = copyTo(options.saveStages, {}))
    return error;
  llvm::SmallString<128> path(options.saveStages);
  llvm::sys::path::append(path, llvm::Twine(static_cast<int>(stage)) + "-" +
                                    stageName(stage) + ".mlir");
  return writeIR(path);
}

/// The one file of a compressed model.
llvm::Error Compilation::writePacked() {
  return writePackedModel(*module, tokenizer, formatAllocation(*report),
                          file(".weights"), output->singleFile());
}

/// The losses that the widths were chosen by; empty where there are none.
llvm::Expected<std::vector<LossTable>> Compilation::lossTables() const {
  if (imported == Stage::Pack || !isAllocated())
    return std::vector<LossTable>();
  auto losses = LossFile::read(passOptions.calibrate.losses);
  if (!losses)
    return losses.takeError();
  return std::move(losses->tables);
}

static std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[sizeof "2000-01-01"];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

/// What explains the allocation and the compilation, for --report.
llvm::Error Compilation::writeReport() {
  if (options.report.empty())
    return llvm::Error::success();
  std::vector<std::string> files = {output->file("allocation.json")};
  if (imported == Stage::Import && isAllocated())
    files.push_back(passOptions.calibrate.losses);
  if (llvm::Error error = copyTo(options.report, files))
    return error;
  llvm::SmallString<128> path(options.report);
  llvm::sys::path::append(path, "stages.json");
  if (llvm::Error error = writeFile(path, measures.json()))
    return error;
  if (!report) // ended before there were widths that hold
    return llvm::Error::success();
  auto tables = lossTables();
  if (!tables)
    return tables.takeError();
  ReportPage page;
  page.model = source;
  page.name = name;
  page.command = options.command;
  page.date = today();
  page.allocation = *report;
  page.headerBytes = PICOLLM_WEIGHT_FILE_HEADER_BYTES;
  page.normBytes = normBytes;
  page.tables = std::move(*tables);
  page.stages = measures.json();
  auto html = page.html();
  if (!html)
    return html.takeError();
  llvm::sys::path::remove_filename(path);
  llvm::sys::path::append(path, "report.html");
  return writeFile(path, *html);
}
