//===- PassStages.cpp - the stages that are passes ------------------------===//

#include "CalibrationTexts.h"
#include "Compilation.h"
#include "PicoLLM/FirstError.h"
#include "picollm/Calibration/Distillation.h"
#include "picollm/Compression/TokenFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace picollm;

/// Texts that tuning takes for each that calibration takes: gradients of few
/// fit those few.
static constexpr int64_t tuningTexts = 4;

/// Fills the options of the passes.
void Compilation::preparePasses() {
  // Where the stages are kept, their files are made there, so that what a
  // reproducer of a failed pass names is still there when it is run.
  auto file = [&](const char *name) {
    if (options.saveStages.empty())
      return output->scratchFile(name);
    llvm::SmallString<128> path(options.saveStages);
    llvm::sys::fs::make_absolute(path);
    llvm::sys::path::append(path, name);
    return path.str().str();
  };
  // What is kept with the stages serves other budgets too.
  auto checkpoint = [&](const char *name) {
    llvm::SmallString<128> path(options.saveStages.empty()
                                    ? output->checkpointFolder()
                                    : file("checkpoint"));
    llvm::sys::path::append(path, name);
    return path.str().str();
  };
  std::string tokens = file("calibration.tokens");
  std::string losses = file("losses.json");
  passOptions.calibrate.tokens = tokens;
  if (isCalibrated()) {
    passOptions.quantize.tokens = tokens;
    if (!options.estimate) {
      passOptions.calibrate.checkpoint = checkpoint("calibrate");
      passOptions.quantize.checkpoint = checkpoint("quantize");
      passOptions.tune.checkpoint = checkpoint("tune");
    }
  }
  passOptions.tune.tokens = file("tuning.tokens");
  passOptions.calibrate.random = passOptions.quantize.random =
      scheme == "random";
  passOptions.calibrate.losses = passOptions.allocate.losses = losses;
  if (options.effort == Effort::Fast) {
    passOptions.calibrate.rowFeedback = false;
    passOptions.quantize.drift = false;
    passOptions.quantize.sweeps = 0;
  }
  if (isAllocated())
    passOptions.allocate.bits = options.bits.value_or(0);
  else
    passOptions.allocate.uniform =
        static_cast<int64_t>(options.bits.value_or(0));
  passOptions.allocate.size = options.size.value_or(0);
  passOptions.allocate.allocation = options.allocation;
  passOptions.allocate.half = scheme == "none";
  passOptions.quantize.codes = file("codes");
  passOptions.tune.codes = file("tuned-codes");
  passOptions.tune.minutes = options.tuneMinutes;
  passOptions.tune.steps = options.tuneSteps;
  passOptions.pack.weights = output->file(name + ".weights");
  passOptions.toStep.kvCache = options.kvCache;
  for (InstructionSet isa : target.instructionSets)
    passOptions.toLLVM.instructionSets.push_back(nameOf(isa).str());
  passOptions.toLLVM.triple = target.triple;
  passOptions.toLLVM.schedule = options.schedule;
  std::vector<std::string> added;
  for (llvm::StringRef feature : target.features)
    if (feature.consume_front("+"))
      added.push_back(feature.str());
  passOptions.toLLVM.features = llvm::join(added, ",");
}

llvm::Error Compilation::writeCalibrationTokens() {
  if (imported == Stage::Pack || !isCalibrated() ||
      options.compileTo == Stage::Import)
    return llvm::Error::success();
  return measures.run("texts", [&](TimingScope &) -> llvm::Error {
    auto sets = readCalibrationSets(options, *module, tokenizer,
                                    isTuned() ? tuningTexts : 1);
    if (!sets)
      return sets.takeError();
    writingSeconds = sets->writingSeconds;
    if (isTuned()) {
      if (options.tuneMinutes == 0 && options.tuneSteps == 0)
        passOptions.tune.steps = Distillation::stepsOfRound(sets->tuning);
      if (llvm::Error error =
              writeTokenFile(passOptions.tune.tokens, sets->tuning))
        return error;
    }
    return writeTokenFile(passOptions.calibrate.tokens, sets->calibration);
  });
}

llvm::Error Compilation::runPasses(Stage stage) {
  if (stage == Stage::Calibrate && !isAllocated())
    return llvm::Error::success();
  FirstError error(context);
  const std::string &message = error.message();
  bool checks = stage == Stage::Import;
  return measures.run(
      checks ? "check" : stageName(stage),
      [&](TimingScope &timing) -> llvm::Error {
        PassManager manager(&context);
        manager.enableTiming(timing);
        addStagePasses(manager, stage, passOptions);
        // What --mlir-... options ask for, in tools that registered them.
        if (failed(applyPassManagerCLOptions(manager)) ||
            failed(manager.run(*module)))
          return llvm::createStringError(
              message.empty() ? "stage " + stageName(stage).str() + " failed"
                              : message);
        return llvm::Error::success();
      });
}
