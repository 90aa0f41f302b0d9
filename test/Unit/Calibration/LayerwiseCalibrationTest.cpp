//===- LayerwiseCalibrationTest.cpp - moments against whole runs ----------===//

#include "picollm/Calibration/LayerwiseCalibration.h"
#include "../Reference/TinyModel.h"
#include "PicoLLM/Model/Model.h"
#include "picollm/Support/Parallel.h"
#include <limits>
#include <random>

using namespace picollm;
using llvm::Error;

static const TokenSequences texts{{3, 17, 0, 39, 8, 8, 21}, {5, 6}, {1, 2, 3}};

/// E[x x^T] by definition, in double, of what the hook of a run over the whole
/// model sees.
static llvm::StringMap<std::vector<double>>
directMoments(ReferenceModel &model) {
  llvm::StringMap<std::vector<double>> moments;
  int64_t tokens = 0;
  model.setLinearInputHook([&](mlir::Operation *op, const Matrix &x) {
    auto name = op->getAttrOfType<mlir::FlatSymbolRefAttr>("weight").getValue();
    std::vector<double> &h = moments[name];
    h.resize(x.columns * x.columns);
    for (int64_t t = 0; t < x.rows; ++t)
      for (int64_t i = 0; i < x.columns; ++i)
        for (int64_t j = 0; j < x.columns; ++j)
          h[i * x.columns + j] += double(x.row(t)[i]) * x.row(t)[j];
  });
  for (const std::vector<int32_t> &text : texts) {
    expectValue(model.logits(text));
    tokens += text.size();
  }
  model.setLinearInputHook({});
  for (auto &entry : moments)
    for (double &value : entry.second)
      value /= tokens;
  return moments;
}

static void expectEqual(const SecondMoment &moment,
                        const std::vector<double> &expected) {
  ASSERT_EQ(moment.values.size(), expected.size());
  double largest = *std::max_element(expected.begin(), expected.end());
  EXPECT_GT(largest, 0);
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(moment.values[i], expected[i], 1e-5 * largest);
}

/// Values of a weight rounded to sixteenths, as if it were quantised.
static std::vector<float> coarserWeight(TinyModel &tiny, ReferenceModel &model,
                                        llvm::StringRef name) {
  std::vector<float> values =
      expectValue(tiny.reader.read(*model.weights().find(name)));
  for (float &value : values)
    value = std::round(value * 16) / 16;
  return values;
}

TEST(SecondMoment, EqualsTheDefinitionOverSeveralTiles) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  SecondMoment moment(200);
  std::vector<double> expected(200 * 200);
  for (int64_t rows : {3, 40}) {
    Matrix x(rows, 200);
    for (float &value : x.data)
      value = normal(generator);
    moment.add(x);
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t i = 0; i < 200; ++i)
        for (int64_t j = 0; j < 200; ++j)
          expected[i * 200 + j] += double(x.row(t)[i]) * x.row(t)[j] / 43;
  }
  moment.finish();
  EXPECT_EQ(moment.tokens, 43);
  expectEqual(moment, expected);
}

TEST(LayerwiseCalibration, MomentsEqualThoseOfWholeRuns) {
  for (bool tied : {true, false}) {
    TinyLlama shape;
    shape.tied = tied;
    TinyModel tiny(shape);
    auto model = tiny.interpreter();
    MomentMap moments = expectValue(collectMoments(*model, texts));
    llvm::StringMap<std::vector<double>> expected = directMoments(*model);
    EXPECT_EQ(moments.size(), 2u * 7 + 1);
    ASSERT_EQ(moments.size(), expected.size());
    for (auto &entry : expected) {
      SCOPED_TRACE(entry.first().str());
      ASSERT_TRUE(moments.contains(entry.first()));
      expectEqual(*moments[entry.first()], entry.second);
    }
  }
}

TEST(LayerwiseCalibration, LinearsOfOneInputShareItsMoment) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  MomentMap moments = expectValue(collectMoments(*model, texts));
  EXPECT_EQ(moments["blk.1.attn_q.weight"], moments["blk.1.attn_v.weight"]);
  EXPECT_EQ(moments["blk.1.ffn_gate.weight"], moments["blk.1.ffn_up.weight"]);
  EXPECT_NE(moments["blk.1.attn_q.weight"], moments["blk.0.attn_q.weight"]);
  EXPECT_EQ(moments["blk.1.attn_q.weight"]->tokens, 12);
}

TEST(LayerwiseCalibration, HeadComesLastAndIsMarked) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  LayerwiseCalibration calibration(*model, texts);
  ASSERT_EQ(calibration.inputs().size(), 2u * 4 + 1);
  for (const LinearInput &input : calibration.inputs().drop_back())
    EXPECT_FALSE(input.head);
  EXPECT_TRUE(calibration.inputs().back().head);
  EXPECT_EQ(calibration.inputs().back().weights.front(), "token_embd.weight");
}

TEST(LayerwiseCalibration, ReplacedWeightsAreFeltByAllThatFollows) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  MomentMap behind;
  LayerwiseCalibration calibration(*model, texts);
  auto visit = [&](const LinearInput &input,
                   const SecondMoment &moment) -> Error {
    for (const std::string &weight : input.weights) {
      behind[weight] = std::make_shared<SecondMoment>(moment);
      if (Error error = model->weights().replace(
              weight, coarserWeight(tiny, *model, weight)))
        return error;
    }
    return Error::success();
  };
  EXPECT_FALSE(bool(calibration.run("quantize", visit)));

  // After the pass nothing is replaced any more.
  MomentMap untouched = expectValue(collectMoments(*model, texts));
  auto original = directMoments(*model);
  for (auto &entry : original)
    expectEqual(*untouched[entry.first()], entry.second);

  // With everything replaced, a whole run sees the same inputs. (The tied
  // embedding was replaced as head only, so it stays as it is here.)
  for (auto &entry : original)
    if (entry.first() != "token_embd.weight")
      EXPECT_FALSE(bool(model->weights().replace(
          entry.first(), coarserWeight(tiny, *model, entry.first()))));
  auto expected = directMoments(*model);
  for (auto &entry : expected) {
    SCOPED_TRACE(entry.first().str());
    expectEqual(*behind[entry.first()], entry.second);
  }
  EXPECT_NE(original["blk.1.ffn_down.weight"],
            expected["blk.1.ffn_down.weight"]);
}

TEST(LayerwiseCalibration, ErrorOfTheVisitorEndsTheRun) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  LayerwiseCalibration calibration(*model, texts);
  int visits = 0;
  Error error = calibration.run("calibrate", [&](const LinearInput &,
                                                 const SecondMoment &) {
    return ++visits == 3 ? llvm::createStringError("enough") : Error::success();
  });
  EXPECT_EQ(llvm::toString(std::move(error)), "enough");
  EXPECT_EQ(visits, 3);
}

TEST(LayerwiseCalibration, EveryThreadCountGivesTheSameBits) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  setThreadCount(1);
  MomentMap one = expectValue(collectMoments(*model, texts));
  setThreadCount(3);
  MomentMap three = expectValue(collectMoments(*model, texts));
  setThreadCount(0);
  for (auto &entry : one)
    EXPECT_EQ(entry.second->values, three[entry.first()]->values);
}

/// A model with coarser weights beside the same with its own.
TEST(LayerwiseCalibration, DriftEqualsThatOfWholeRuns) {
  TinyModel tiny;
  auto model = tiny.interpreter(), floats = tiny.interpreter(),
       coarse = tiny.interpreter();
  // Inputs of every linear in whole runs, all texts behind one another.
  using Inputs = llvm::StringMap<Matrix>;
  auto inputsOf = [](ReferenceModel &of) {
    Inputs inputs;
    of.setLinearInputHook([&](mlir::Operation *op, const Matrix &x) {
      Matrix &all = inputs[op->getAttrOfType<mlir::FlatSymbolRefAttr>("weight")
                               .getValue()];
      all.rows += x.rows;
      all.columns = x.columns;
      all.data.insert(all.data.end(), x.data.begin(), x.data.end());
    });
    for (const std::vector<int32_t> &text : texts)
      expectValue(of.logits(text));
    of.setLinearInputHook({});
    return inputs;
  };
  Inputs before = inputsOf(*floats);

  LayerwiseCalibration calibration(*model, texts, floats.get());
  int64_t residuals = 0;
  auto visit = [&](const LinearInput &input, const SecondMoment &) -> Error {
    const std::string &name = input.weights.front();
    SCOPED_TRACE(name);
    // Behind the weights that are coarser so far.
    const Matrix x = inputsOf(*coarse)[name], &y = before[name];
    // Of all rows, or of every second text's.
    auto expectDrift = [&](const InputDrift &drift, bool ofHalf) {
      std::vector<int64_t> rows;
      int64_t row = 0;
      for (size_t text = 0; text < texts.size(); ++text)
        for (size_t t = 0; t < texts[text].size(); ++t, ++row)
          if (!ofHalf || text % 2 == 0)
            rows.push_back(row);
      const int64_t count = rows.size();
      EXPECT_EQ(drift.input.tokens, count);
      EXPECT_EQ(drift.moment.tokens, count);
      for (int64_t i = 0; i < x.columns; ++i)
        for (int64_t j = 0; j < x.columns; ++j) {
          double expected = 0, moment = 0;
          for (int64_t t : rows) {
            expected += (double(y.row(t)[i]) - x.row(t)[i]) * x.row(t)[j];
            moment += double(x.row(t)[i]) * x.row(t)[j];
          }
          EXPECT_NEAR(drift.input.values[i * x.columns + j],
                      expected / double(count), 1e-4);
          EXPECT_NEAR(drift.moment.values[i * x.columns + j],
                      moment / double(count), 1e-4);
        }
    };
    expectDrift(*calibration.drift(), false);
    expectDrift(*calibration.driftOfHalf(), true);
    for (const std::string &weight : input.weights) {
      bool addsToResidual = llvm::StringRef(weight).contains("attn_output") ||
                            llvm::StringRef(weight).contains("ffn_down");
      auto residual = calibration.drift()->residuals.find(weight);
      EXPECT_EQ(residual != calibration.drift()->residuals.end(),
                addsToResidual);
      if (addsToResidual) {
        ++residuals;
        EXPECT_EQ(residual->second.rows, 32);
        EXPECT_EQ(residual->second.columns, x.columns);
      }
      for (ReferenceModel *changed : {model.get(), coarse.get()})
        if (Error error = changed->weights().replace(
                weight, coarserWeight(tiny, *model, weight)))
          return error;
    }
    return Error::success();
  };
  EXPECT_FALSE(bool(calibration.run("quantize", visit)));
  EXPECT_EQ(residuals, 4);
}

TEST(LayerwiseCalibration, KnowsNoDriftWithoutAModelBeside) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  LayerwiseCalibration calibration(*model, texts);
  EXPECT_EQ(calibration.drift(), nullptr);
  EXPECT_EQ(calibration.driftOfHalf(), nullptr);
}

TEST(LayerwiseCalibration, TakesTheFirstHalfOfASingleText) {
  TinyModel tiny;
  auto model = tiny.interpreter(), floats = tiny.interpreter();
  LayerwiseCalibration calibration(*model, {{1, 2, 3, 4, 5, 6, 7}},
                                   floats.get());
  auto visit = [&](const LinearInput &, const SecondMoment &) -> Error {
    EXPECT_EQ(calibration.drift()->moment.tokens, 7);
    EXPECT_EQ(calibration.driftOfHalf()->moment.tokens, 3);
    return Error::success();
  };
  EXPECT_FALSE(bool(calibration.run("quantize", visit)));
}

TEST(LayerwiseCalibration, NamesTheTextAndTokenWithoutFiniteActivations) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto weight = expectValue(model->weights().get("blk.0.attn_norm.weight"));
  for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity()}) {
    std::vector<float> values = weight->data;
    values[3] = bad;
    ASSERT_FALSE(
        model->weights().replace("blk.0.attn_norm.weight", std::move(values)));
    expectPart(errorOf(collectMoments(*model, texts)),
               "calibration text 1, token 1: the input of "
               "'blk.0.attn_q.weight' is NaN or infinite");
    model->weights().restore("blk.0.attn_norm.weight");
  }
}

TEST(LayerwiseCalibration, TakesATextOfOneToken) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  MomentMap moments = expectValue(collectMoments(*model, {{7}}));
  EXPECT_EQ(moments.size(), 2u * 7 + 1);
  for (auto &entry : moments)
    EXPECT_EQ(entry.second->tokens, 1);
}
