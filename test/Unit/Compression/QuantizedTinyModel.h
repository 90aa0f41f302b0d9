//===- QuantizedTinyModel.h - a tiny model, compressed ----------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_COMPRESSION_QUANTIZEDTINYMODEL_H
#define PICOLLM_TEST_UNIT_COMPRESSION_QUANTIZEDTINYMODEL_H

#include "../Reference/TinyModel.h"
#include "TunedModel.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Calibration/Distillation.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Compression/Stacks.h"
#include "picollm/Compression/TokenFile.h"
#include "picollm/Quantization/AllocationFile.h"

namespace picollm {

/// A model whose predictions are far from uniform.
inline TinyLlama decidedLlama(bool tied) {
  TinyLlama shape;
  shape.tied = tied;
  shape.range = 1.5f;
  return shape;
}

/// A tiny model, its files in a folder of the test's own.
struct QuantizedTinyModel : TinyModel {
  /// At 3 bits everywhere.
  explicit QuantizedTinyModel(const CalibrationSet &set, bool tied = true)
      : TinyModel(decidedLlama(tied)) {
    writeUniformAllocation(3);
    quantize(set);
  }
  /// Before anything is done to it.
  QuantizedTinyModel() : TinyModel(decidedLlama(true)) {}

  /// To the allocation that was written, or else to so many bits.
  void quantize(const CalibrationSet &set, double bits = 0) {
    EXPECT_FALSE(writeTokenFile(file("tokens"), set));
    mlir::PassManager manager(&context);
    CalibrateOptions calibrate;
    AllocateBitsOptions allocate;
    QuantizeOptions options;
    calibrate.tokens = options.tokens = file("tokens");
    calibrate.losses = allocate.losses = file("losses");
    allocate.bits = bits;
    if (bits == 0)
      allocate.allocation = file("allocation");
    options.codes = file("codes");
    manager.addPass(createCalibrate(calibrate));
    manager.addPass(createAllocateBits(allocate));
    manager.addPass(createQuantize(options));
    EXPECT_TRUE(succeeded(manager.run(*module)));
  }
  ~QuantizedTinyModel() { llvm::sys::fs::remove_directories(folder); }

  void writeUniformAllocation(int64_t bits) {
    AllocationReport report;
    for (const Stack &stack : expectValue(findStacks(*module))) {
      MatrixLayout layout{stack.columns, {}};
      for (size_t i = 0; i < stack.panels.size(); ++i)
        layout.panels.push_back({stack.rows(i), {{bits, stack.columns}}});
      report.matrices.push_back({stack.name, {layout, {}, {}}, 0, {}});
    }
    EXPECT_FALSE(writeAllocation(report, file("allocation")));
  }

  std::string file(const char *name) const {
    return (folder + "/" + name).str();
  }

  llvm::SmallString<128> folder = makeFolder();

private:
  static llvm::SmallString<128> makeFolder() {
    llvm::SmallString<128> folder;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("quantized", folder));
    return folder;
  }
};

struct DistilledModel : TunedModel {
  explicit DistilledModel(Distillation &distillation)
      : distillation(distillation) {}
  llvm::Error differentiateLoss(size_t text, int64_t firstRow,
                                Matrix &logits) override {
    return distillation.differentiate(text, firstRow, logits);
  }

  /// Of the next step, with its gradients.
  double divergence() {
    EXPECT_FALSE(run(expectValue(distillation.nextTexts())));
    return distillation.divergence();
  }

  std::vector<std::pair<std::string, TunedFactors *>> factors() {
    std::vector<std::pair<std::string, TunedFactors *>> result;
    for (TunedMatrix &matrix : matrices) {
      result.push_back({matrix.op.getSymName().str() + " rows", &matrix.rows});
      result.push_back(
          {matrix.op.getSymName().str() + " columns", &matrix.columns});
    }
    for (auto &[name, norm] : norms)
      result.push_back({name.str(), &norm.factors});
    return result;
  }

  Distillation &distillation;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_COMPRESSION_QUANTIZEDTINYMODEL_H
