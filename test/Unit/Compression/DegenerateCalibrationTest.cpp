//===- DegenerateCalibrationTest.cpp - little text, dead weights ----------===//

#include "QuantizedTinyModel.h"
#include <cmath>
#include <fstream>

using namespace picollm;

namespace {

const TokenSequences texts{{3, 17, 0, 39, 8, 8, 21}, {5, 6, 11, 2}};

/// A model of which some weights are changed in its file.
struct ChangedTinyModel : QuantizedTinyModel {
  /// Elements [first, first + count) of a weight; count 0: all.
  void set(llvm::StringRef weight, float value, int64_t first = 0,
           int64_t count = 0) {
    auto op = module->lookupSymbol<model::WeightOp>(weight);
    ASSERT_TRUE(op);
    if (count == 0)
      count = op.getRef().getSize() / sizeof(float);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(op.getRef().getOffset() + first * sizeof(float));
    for (int64_t i = 0; i < count; ++i)
      file.write(reinterpret_cast<const char *>(&value), sizeof(value));
    ASSERT_TRUE(file.good());
  }

  /// From the float model, in nats per prediction, once it is quantised.
  double divergence() {
    auto teacher = interpreter(), student = interpreter();
    auto distillation = expectValue(Distillation::create(*teacher, texts));
    DistilledModel model(*distillation);
    EXPECT_FALSE(model.open(*module, *student));
    return (model.divergence() + model.divergence()) / 2;
  }
};

} // namespace

/// All of it is finite, and at so many bits near the float model.
static void expectQuantized(ChangedTinyModel &tiny, const CalibrationSet &set,
                            double bound = 0.1) {
  tiny.quantize(set, 9);
  const double divergence = tiny.divergence();
  EXPECT_TRUE(std::isfinite(divergence));
  EXPECT_LT(std::fabs(divergence), bound);
}

/// One token says little of what others need. (A model that finds all tokens
/// equally probable is 0.54 nats off.)
static constexpr double ofOneToken = 0.5;

TEST(DegenerateCalibration, OneText) {
  ChangedTinyModel tiny;
  expectQuantized(tiny, TokenSequences{texts[0]});
}

TEST(DegenerateCalibration, OneToken) {
  ChangedTinyModel tiny;
  expectQuantized(tiny, TokenSequences{{7}}, ofOneToken);
}

TEST(DegenerateCalibration, OneTokenOfOneAnswer) {
  ChangedTinyModel tiny;
  CalibrationSet item;
  item.add({7, 8}, 1);
  expectQuantized(tiny, item, ofOneToken);
}

/// Nothing that the first layer's feed-forward network does reaches the logits:
/// its outputs have no Fisher information, and `down` has an input that is 0.
TEST(DegenerateCalibration, ALayerOfZeros) {
  for (const char *weight :
       {"blk.0.ffn_down.weight", "blk.0.ffn_up.weight",
        "blk.0.attn_output.weight", "blk.0.attn_v.weight"}) {
    SCOPED_TRACE(weight);
    ChangedTinyModel tiny;
    tiny.set(weight, 0);
    expectQuantized(tiny, texts);
  }
  SCOPED_TRACE("all matrices");
  ChangedTinyModel tiny;
  for (const char *weight : {"attn_q", "attn_k", "attn_v", "attn_output",
                             "ffn_gate", "ffn_up", "ffn_down"})
    tiny.set(std::string("blk.0.") + weight + ".weight", 0);
  expectQuantized(tiny, texts);
}

TEST(DegenerateCalibration, InputsThatAreAlwaysZero) {
  ChangedTinyModel tiny;
  tiny.set("blk.0.attn_norm.weight", 0, 3, 1);
  tiny.set("blk.1.ffn_norm.weight", 0, 8, 16);
  expectQuantized(tiny, texts);
}

/// Finite weights whose sums are beyond float32.
TEST(DegenerateCalibration, ActivationsThatOverflowAreNamed) {
  ChangedTinyModel tiny;
  tiny.set("blk.0.attn_norm.weight", 3e38f);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&tiny.context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message = diagnostic.str();
                                          return mlir::success();
                                        });
  ASSERT_FALSE(writeTokenFile(tiny.file("tokens"), texts));
  CalibrateOptions options;
  options.tokens = tiny.file("tokens");
  options.losses = tiny.file("losses");
  mlir::PassManager manager(&tiny.context);
  manager.addPass(createCalibrate(options));
  EXPECT_TRUE(failed(manager.run(*tiny.module)));
  expectPart(message, "calibration text 1, token 1: ");
  expectPart(message, " is NaN or infinite; the weights of the model are "
                      "damaged, or too large for float32");
  EXPECT_FALSE(llvm::sys::fs::exists(tiny.file("losses")));
}
