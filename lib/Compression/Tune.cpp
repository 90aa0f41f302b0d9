//===- Tune.cpp - scales and norms by the gradient of the model's error ---===//

#include "TunedModel.h"
#include "picollm/Calibration/Distillation.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Support/Progress.h"
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
  explicit DistilledModel(Distillation &distillation)
      : distillation(distillation) {}

  llvm::Error tune(double minutes, int64_t steps, double rate);

private:
  llvm::Error differentiateLoss(size_t text, int64_t firstRow,
                                Matrix &logits) override {
    return distillation.differentiate(text, firstRow, logits);
  }

  Distillation &distillation;
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

/// `steps` 0: as many as `minutes` allow by the time of the first.
llvm::Error DistilledModel::tune(double minutes, int64_t steps, double rate) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::unique_ptr<Progress> progress;
  std::vector<double> divergences; ///< a step each
  for (int64_t step = 1; step == 1 || step <= steps; ++step) {
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
  DistilledModel model(**distillation);
  if (llvm::Error error = model.open(module, **student))
    return error;
  if (llvm::Error error = model.tune(minutes, steps, rate))
    return error;
  return model.write(codes);
}
