//===- Tune.cpp - scales and norms by the gradient of the model's error ---===//

#include "CheckpointKey.h"
#include "TunedModel.h"
#include "picollm/Calibration/Distillation.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/RawVector.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include <chrono>
#include <numeric>

namespace picollm {
#define GEN_PASS_DEF_TUNE
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace picollm;

namespace {

/// Brings a quantised model nearer to the float one.
class DistilledModel : public TunedModel {
public:
  DistilledModel(Distillation &distillation, Checkpoint checkpoint)
      : distillation(distillation), checkpoint(std::move(checkpoint)) {}

  /// `steps` 0: as many as `minutes` allow by the time of the first.
  llvm::Error tune(double minutes, int64_t steps, double rate);

private:
  llvm::Error keep(int64_t step, int64_t steps);
  llvm::Error readKept(int64_t &steps);
  llvm::Error differentiateLoss(size_t text, int64_t firstRow,
                                Matrix &logits) override {
    return distillation.differentiate(text, firstRow, logits);
  }

  Distillation &distillation;
  Checkpoint checkpoint;
  std::vector<double> divergences; ///< a step each
};

struct Tune : picollm::impl::TuneBase<Tune> {
  using picollm::impl::TuneBase<Tune>::TuneBase;

  void runOnOperation() override {
    if (llvm::Error error = tune(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error tune(mlir::ModuleOp module);
};

} // namespace

/// Of the last steps, as each alone differs much from others.
static std::string describeMean(llvm::ArrayRef<double> divergences) {
  divergences = divergences.take_back(8);
  double sum = std::accumulate(divergences.begin(), divergences.end(), 0.0);
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format("%.4f nats off", sum / double(divergences.size()));
  return text;
}

llvm::Error DistilledModel::keep(int64_t step, int64_t steps) {
  if (!checkpoint.isKept())
    return llvm::Error::success();
  auto write = [&](llvm::raw_ostream &os) {
    writeSized(os,
               std::vector<int64_t>{steps, int64_t(distillation.position())});
    writeSized(os, divergences);
    writeState(os);
    return llvm::Error::success();
  };
  if (llvm::Error error = writeFile(checkpoint.sumsFile(step), write))
    return error;
  return checkpoint.setSteps(step);
}

/// Goes on behind the last step of an earlier process.
llvm::Error DistilledModel::readKept(int64_t &steps) {
  const std::string path = checkpoint.sumsFile(checkpoint.steps());
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef bytes = (*buffer)->getBuffer();
  std::vector<int64_t> counts;
  if (!readSized(bytes, counts) || counts.size() != 2 ||
      !readSized(bytes, divergences) || !readState(bytes) || !bytes.empty())
    return llvm::createStringError(path + ": is not what tuning writes");
  steps = counts[0];
  return distillation.skipTo(counts[1]);
}

llvm::Error DistilledModel::tune(double minutes, int64_t steps, double rate) {
  using Clock = std::chrono::steady_clock;
  const int64_t before = checkpoint.steps();
  std::unique_ptr<Progress> progress;
  if (before > 0) {
    if (llvm::Error error = readKept(steps))
      return error;
    if (before < steps)
      progress = std::make_unique<Progress>("tune", steps, "steps", before);
  }
  for (int64_t step = before + 1; step == 1 || step <= steps; ++step) {
    const Clock::time_point start = Clock::now();
    auto texts = distillation.nextTexts();
    if (!texts)
      return texts.takeError();
    const Clock::time_point taught = Clock::now();
    const size_t count = texts->size();
    if (llvm::Error error = run(std::move(*texts)))
      return error;
    if (step == 1) {
      // The teacher has gone ahead to the end of a batch.
      const double used =
          double(count) / double(llvm::alignTo<Distillation::batch>(count));
      std::chrono::duration<double> teacher = taught - start,
                                    own = Clock::now() - taught;
      const double seconds = own.count() + used * teacher.count();
      if (steps == 0)
        steps = std::max<int64_t>(1, minutes * 60 / seconds);
      progress = std::make_unique<Progress>("tune", steps, "steps");
    }
    // Half a cosine down to 0 (Loshchilov and Hutter, arXiv:1608.03983).
    const double done = double(step - 1) / double(steps);
    descend(step, rate * 0.5 * (1 + std::cos(llvm::numbers::pi * done)));
    divergences.push_back(distillation.divergence());
    if (llvm::Error error = keep(step, steps))
      return error;
    progress->update(step, describeMean(divergences));
  }
  return llvm::Error::success();
}

llvm::Error Tune::tune(mlir::ModuleOp module) {
  auto texts = readTokenFile(tokens);
  if (!texts)
    return texts.takeError();
  WeightReader reader;
  auto teacher = ReferenceModel::create(module, reader);
  if (!teacher)
    return teacher.takeError();
  auto student = ReferenceModel::create(module, reader);
  if (!student)
    return student.takeError();
  auto distillation = Distillation::create(**teacher, *texts);
  if (!distillation)
    return distillation.takeError();
  // Before the module is changed.
  std::string wanted;
  llvm::raw_string_ostream(wanted)
      << codes << ' ' << minutes << ' ' << steps << ' ' << rate;
  auto kept = openCheckpoint(checkpoint, module, tokens, wanted);
  if (!kept)
    return kept.takeError();
  DistilledModel model(**distillation, std::move(*kept));
  if (llvm::Error error = model.open(module, **student))
    return error;
  if (llvm::Error error = model.tune(minutes, steps, rate))
    return error;
  return model.write(codes);
}
