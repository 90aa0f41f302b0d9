//===- PassStages.cpp - the stages that are passes ------------------------===//

#include "CalibrationTexts.h"
#include "Compilation.h"
#include "mlir/IR/Diagnostics.h"
#include "picollm/Compression/TokenFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace picollm;

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
