//===- StageFiles.cpp - what a stage leaves to be read --------------------===//

#include "Compilation.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace picollm;

/// Copies those files that exist into a folder, which is made where missing.
static llvm::Error copyTo(llvm::StringRef directory,
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

/// The output folder of a stage before object: its IR and what that refers to.
llvm::Error Compilation::writeIRFolder() {
  if (options.compileTo >= Stage::Calibrate &&
      options.compileTo <= Stage::Quantize)
    if (llvm::Error error =
            copyTo(output->file(""),
                   {passOptions.calibrate.tokens, passOptions.calibrate.losses,
                    passOptions.quantize.codes}))
      return error;
  return writeIR(file(".mlir"));
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

/// What explains the allocation, for --report.
llvm::Error Compilation::copyReport() {
  if (options.report.empty())
    return llvm::Error::success();
  return copyTo(options.report, {output->file("allocation.json"),
                                 passOptions.calibrate.losses});
}
