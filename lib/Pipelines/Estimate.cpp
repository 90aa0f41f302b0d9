//===- Estimate.cpp - how long a compression will take --------------------===//

#include "Compilation.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Support/Progress.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace picollm;

/// Steps of tuning that are measured.
static constexpr int64_t measuredSteps = 4;

/// Of all matrices.
static int64_t weightsOf(ModuleOp module) {
  int64_t weights = 0;
  for (auto weight : module.getOps<model::WeightOp>())
    if (auto type = cast<RankedTensorType>(weight.getType());
        type.getRank() == 2)
      weights += type.getNumElements();
  return weights;
}

/// Replaces the module by its first layers and runs what compresses it, and, if
/// `tune` has steps, some of those of tuning.
llvm::Error Compilation::measureLayers(int64_t layers,
                                       const TuneOptions &tune) {
  PassManager manager(&context);
  KeepLayersOptions keep;
  keep.layers = layers;
  manager.addPass(createKeepLayers(keep));
  if (failed(manager.run(*module)))
    return llvm::createStringError("the model's layers cannot be told apart");
  for (Stage stage : {Stage::Calibrate, Stage::Allocate, Stage::Quantize})
    if (llvm::Error error = runPasses(stage))
      return error;
  if (tune.steps == 0)
    return llvm::Error::success();
  return measures.run("tune", [&](TimingScope &) -> llvm::Error {
    PassManager tuning(&context);
    TuneOptions some = tune;
    some.steps = measuredSteps;
    tuning.addPass(createTune(some));
    if (failed(tuning.run(*module)))
      return llvm::createStringError("tuning failed");
    return llvm::Error::success();
  });
}

/// What one layer more costs is the difference between two layers and one; a
/// budget in bytes becomes one of bits, as the file is another.
llvm::Error Compilation::estimate() {
  if (imported == Stage::Pack || scheme != "pico")
    return llvm::createStringError(
        "--estimate is for --scheme=pico and a model that is not compressed "
        "yet; leave it away");
  OwningOpRef<ModuleOp> whole = std::move(module);
  const int64_t layers = config.getLayers();
  AllocateBitsOptions &budget = passOptions.allocate;
  if (budget.size > 0)
    budget.bits = 8.0 * double(budget.size) / double(weightsOf(*whole));
  else if (budget.bits <= 0)
    budget.bits = 4.5;
  budget.size = 0;
  budget.allocation.clear();
  // Tuning is measured apart, as it may have any number of steps.
  const TuneOptions tune = passOptions.tune;
  passOptions.tune.minutes = 0;
  passOptions.tune.steps = 0;

  // Both times the same stages.
  std::vector<StageMeasure> few, more;
  for (std::vector<StageMeasure> *of : {&few, &more}) {
    module = whole->clone();
    const size_t before = measures.all().size();
    if (llvm::Error error =
            measureLayers(of == &few ? 1 : std::min<int64_t>(2, layers), tune))
      return error;
    *of = measures.all().drop_front(before).vec();
  }

  double measured = 0, total = 0;
  int64_t bytes = 0;
  std::string table;
  llvm::raw_string_ostream os(table);
  auto print = [&](llvm::StringRef stage, double seconds) {
    total += seconds;
    os << "  " << llvm::left_justify(stage, 10) << clockTime(seconds) << '\n';
  };
  if (writingSeconds > 0)
    print("texts", writingSeconds);
  for (const auto &[one, two] : llvm::zip_equal(few, more)) {
    measured += one.seconds + two.seconds;
    bytes = std::max(bytes, two.peakAnonymousBytes);
    double seconds = one.seconds + double(layers - 1) *
                                       std::max(0.0, two.seconds - one.seconds);
    if (one.stage == "tune")
      seconds *= double(tune.steps) / measuredSteps;
    print(one.stage, seconds);
  }
  if (options.tuneMinutes > 0)
    print("tune", 60 * options.tuneMinutes);
  llvm::outs() << "estimated by " << std::min<int64_t>(layers, 2) << " of "
               << layers << " layers, which took " << clockTime(measured)
               << " to measure\n"
               << table << "  " << llvm::left_justify("in all", 10)
               << clockTime(total)
               << ", then the machine code; own memory about "
               << bytes / 1000000 << " MB, whatever the layers\n";
  return llvm::Error::success();
}
