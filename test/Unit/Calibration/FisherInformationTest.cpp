//===- FisherInformationTest.cpp - part by part against the whole ---------===//

#include "picollm/Calibration/FisherInformation.h"
#include "../Reference/TinyModel.h"
#include "PicoLLM/Model/Model.h"
#include "picollm/Reference/Gradients.h"
#include "picollm/Support/Parallel.h"
#include <cmath>
#include <numeric>

using namespace picollm;

static const TokenSequences texts{{3, 17, 0, 39, 8, 8, 21}, {5, 6}, {1, 2, 3}};

/// The same tokens, predictions of answers alone counting, and a text of which
/// nothing does.
static CalibrationSet items() {
  CalibrationSet set;
  set.add(texts[0], 4);
  set.add(texts[1], 2);
  set.add(texts[2], 1);
  return set;
}

/// dL/d(logits) in the place of the logits: L = -log p(tokens[t]) summed, over
/// those tokens that were drawn.
static void toGradient(Matrix &logits, llvm::ArrayRef<int32_t> tokens) {
  for (int64_t t = 0; t < logits.rows; ++t) {
    float *row = logits.row(t);
    if (tokens[t] == FisherInformation::notDrawn) {
      std::fill_n(row, logits.columns, 0.0f);
      continue;
    }
    double sum = 0;
    for (int64_t i = 0; i < logits.columns; ++i)
      sum += std::exp(double(row[i]));
    for (int64_t i = 0; i < logits.columns; ++i)
      row[i] = float(std::exp(double(row[i])) / sum);
    row[tokens[t]] -= 1;
  }
}

namespace {

/// Hands dL/dy of every product to a function.
struct OutputGradients : GradientVisitor {
  using Function =
      llvm::function_ref<void(mlir::Operation *op, const Matrix &d)>;
  explicit OutputGradients(Function function) : function(function) {}
  void visitProduct(mlir::Operation *op, Evaluation &, const Matrix &d,
                    const Matrix &) override {
    function(op, d);
  }
  Function function;
};

} // namespace

/// One run of the whole model, backwards.
static Gradients differentiateWhole(ReferenceModel &model,
                                    llvm::ArrayRef<int32_t> text,
                                    llvm::ArrayRef<int32_t> next,
                                    OutputGradients::Function function,
                                    Evaluation &evaluation, mlir::Value keep) {
  std::vector<int32_t> positions(text.size());
  std::iota(positions.begin(), positions.end(), 0);
  evaluation.keepsValues = true;
  evaluation.values[model.tokensValue()] = text.vec();
  evaluation.values[model.positionsValue()] = positions;
  auto ops = model.operations();
  EXPECT_FALSE(model.evaluate(0, ops.size(), evaluation));
  Gradients gradients;
  OutputGradients visitor(function);
  Matrix logits = evaluation.matrix(ops.back()->getResult(0));
  toGradient(logits, next);
  gradients.add(ops.back()->getResult(0), logits);
  for (size_t i = ops.size(); i-- > 0;)
    if (ops[i]->getResult(0) != keep)
      EXPECT_FALSE(differentiate(ops[i], evaluation, gradients, visitor));
  return gradients;
}

/// `set`: all of it counts.
static void expectThatOfWholeRuns(const CalibrationSet &set, bool tied) {
  const TokenSequences &texts = set.texts;
  TinyLlama shape;
  shape.tied = tied;
  TinyModel tiny(shape);
  auto model = tiny.interpreter();
  auto fisher = expectValue(collectFisherInformation(*model, set));
  EXPECT_EQ(fisher.outputs.size(), 2u * 7 + 1);
  EXPECT_EQ(fisher.tokenCounts[8], 2);
  EXPECT_EQ(fisher.tokenCounts[4], 0);

  llvm::StringMap<std::vector<double>> expected;
  mlir::Value embedding = model->operations().front()->getResult(0);
  SecondMoment moment(fisher.embedding.columns);
  for (size_t i = 0; i < texts.size(); ++i) {
    Span span;
    span.rows = texts[i].size();
    Evaluation evaluation = model->startEvaluation(span);
    auto hook = [&](mlir::Operation *op, const Matrix &d) {
      if (llvm::isa<model::LogitsOp>(op))
        return;
      auto &sums = expected[op->getAttrOfType<mlir::FlatSymbolRefAttr>("weight")
                                .getValue()];
      sums.resize(d.columns);
      for (size_t j = 0; j < d.data.size(); ++j)
        sums[j % d.columns] += double(d.data[j]) * d.data[j] / set.tokens();
    };
    ASSERT_EQ(fisher.drawn[i].size(), texts[i].size());
    moment.add(differentiateWhole(*model, texts[i], fisher.drawn[i], hook,
                                  evaluation, embedding)
                   .take(embedding));
  }
  moment.finish();
  for (auto &entry : expected) {
    SCOPED_TRACE(entry.first().str());
    const std::vector<float> &f = fisher.outputs[entry.first()];
    ASSERT_EQ(f.size(), entry.second.size());
    double largest =
        *std::max_element(entry.second.begin(), entry.second.end());
    EXPECT_GT(largest, 0);
    for (size_t i = 0; i < f.size(); ++i)
      ASSERT_NEAR(f[i], entry.second[i], 1e-4 * largest);
  }
  for (size_t i = 0; i < moment.values.size(); ++i)
    ASSERT_NEAR(fisher.embedding.values[i], moment.values[i],
                1e-4 * std::fabs(moment.values[0]) + 1e-6);
}

TEST(FisherInformation, EqualsThatOfWholeRunsBackwards) {
  for (bool tied : {true, false}) {
    expectThatOfWholeRuns(texts, tied);
    expectThatOfWholeRuns(items().counting(), tied);
  }
}

TEST(FisherInformation, IsThatOfThePredictionsThatCount) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto all = expectValue(collectFisherInformation(*model, texts));
  auto ofItems = expectValue(collectFisherInformation(*model, items()));
  // Of the second text nothing counts: it is as if it were not there.
  auto without =
      expectValue(collectFisherInformation(*model, items().counting()));
  EXPECT_EQ(ofItems.drawn, without.drawn);
  EXPECT_EQ(ofItems.tokenCounts[6], 0);
  ASSERT_EQ(ofItems.drawn.size(), 2u);
  for (size_t text : {0, 1})
    for (size_t t = 0; t < ofItems.drawn[text].size(); ++t)
      EXPECT_EQ(ofItems.drawn[text][t] != FisherInformation::notDrawn,
                text == 0 ? t >= 3 && t < 6 : t < 2)
          << text << ' ' << t;
  for (auto &entry : ofItems.outputs) {
    EXPECT_EQ(entry.second, without.outputs[entry.first()]);
    EXPECT_NE(entry.second, all.outputs[entry.first()]);
  }
}

/// Of all texts, also those of which nothing counts, whose logits nobody needs.
TEST(FisherInformation, InputsAreThoseOfAllTexts) {
  for (bool tied : {true, false}) {
    TinyLlama shape;
    shape.tied = tied;
    TinyModel tiny(shape);
    auto model = tiny.interpreter();
    MomentMap expected = expectValue(collectMoments(*model, texts));
    std::vector<std::string> seen;
    auto visit = [&](const FisherInformation &fisher, const LinearInput &input,
                     const SecondMoment &moment) {
      for (const std::string &weight : input.weights) {
        SCOPED_TRACE(weight);
        seen.push_back(weight);
        EXPECT_TRUE(fisher.outputs.contains(weight));
        const SecondMoment &other = *expected[weight];
        EXPECT_EQ(moment.tokens, 12);
        EXPECT_EQ(moment.values.size(), other.values.size());
        for (size_t i = 0; i < other.values.size(); ++i)
          EXPECT_NEAR(moment.values[i], other.values[i],
                      1e-5 * std::fabs(other.values[i]) + 1e-7);
      }
      return llvm::Error::success();
    };
    auto fisher =
        expectValue(collectFisherInformation(*model, items(), nullptr, visit));
    EXPECT_EQ(seen.size(), 2u * 7 + 1);
    EXPECT_EQ(seen.front(), tied ? "token_embd.weight" : "output.weight");
    EXPECT_EQ(fisher.headInput.values.size(), fisher.embedding.values.size());
    auto alone = expectValue(collectFisherInformation(*model, items()));
    for (auto &entry : fisher.outputs)
      EXPECT_EQ(entry.second, alone.outputs[entry.first()]);
  }
}

/// What the visitor says is wrong ends the run.
TEST(FisherInformation, AVisitorMayFail) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto visit = [](const FisherInformation &, const LinearInput &input,
                  const SecondMoment &) -> llvm::Error {
    if (input.head)
      return llvm::Error::success();
    return llvm::createStringError("no more than " + input.weights.front());
  };
  expectPart(errorOf(collectFisherInformation(*model, texts, nullptr, visit)),
             "no more than blk.1.ffn_down.weight");
}

TEST(FisherInformation, NeedsAPredictionThatCounts) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  CalibrationSet prompts;
  prompts.add({5, 6}, 2);
  expectPart(errorOf(collectFisherInformation(*model, prompts)),
             "no prediction in the calibration texts counts");
}

/// Weights so large that activations leave the range of float32.
TEST(FisherInformation, NamesTheTextAndTokenWithoutFiniteActivations) {
  TinyLlama shape;
  shape.range = 1e30f;
  TinyModel tiny(shape);
  auto model = tiny.interpreter();
  expectPart(errorOf(collectFisherInformation(*model, texts)),
             "calibration text 1, token 1: the activation before "
             "'blk.0.ffn_gate.weight' is NaN or infinite");
}

TEST(FisherInformation, OfOneTokenIsFinite) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto fisher =
      expectValue(collectFisherInformation(*model, TokenSequences{{7}}));
  EXPECT_EQ(fisher.outputs.size(), 2u * 7 + 1);
  for (auto &entry : fisher.outputs) {
    SCOPED_TRACE(entry.first().str());
    for (float f : entry.second)
      EXPECT_TRUE(std::isfinite(f) && f >= 0);
  }
}

/// p (1 - p), whatever was drawn.
TEST(FisherInformation, OfTheHeadNeedsNoDrawing) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto fisher = expectValue(collectFisherInformation(*model, texts));
  std::vector<double> expected(model->vocabulary());
  for (const std::vector<int32_t> &text : texts) {
    Matrix p = expectValue(model->logits(text));
    std::vector<int32_t> next(text.size());
    toGradient(p, next); // p, but for token 0
    for (int64_t t = 0; t < p.rows; ++t)
      for (int64_t i = 0; i < p.columns; ++i) {
        double probability = p.row(t)[i] + (i == 0);
        expected[i] += probability * (1 - probability) / 12;
      }
  }
  auto op = llvm::cast<model::LogitsOp>(model->operations().back());
  const std::vector<float> &f = fisher.outputs[op.getWeight()];
  ASSERT_EQ(f.size(), expected.size());
  for (size_t i = 0; i < f.size(); ++i)
    ASSERT_NEAR(f[i], expected[i], 1e-5) << i;
}

TEST(FisherInformation, DoesNotDependOnThreads) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  setThreadCount(1);
  auto one = expectValue(collectFisherInformation(*model, texts));
  setThreadCount(3);
  auto three = expectValue(collectFisherInformation(*model, texts));
  setThreadCount(0);
  EXPECT_EQ(one.drawn, three.drawn);
  EXPECT_EQ(one.embedding.values, three.embedding.values);
  for (auto &entry : one.outputs)
    EXPECT_EQ(entry.second, three.outputs[entry.first()]);
}

/// The gradient of a weight, d^T x, against finite differences of the cost.
TEST(Gradients, OfWeightsEqualDifferenceQuotients) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  const std::vector<int32_t> text{3, 17, 0, 39}, next{8, 8, 21, 2};
  llvm::StringMap<Matrix> inputs, gradients;
  auto nameOf = [](mlir::Operation *op) {
    return op->getAttrOfType<mlir::FlatSymbolRefAttr>("weight").getValue();
  };
  model->setLinearInputHook(
      [&](mlir::Operation *op, const Matrix &x) { inputs[nameOf(op)] = x; });
  Span span;
  span.rows = text.size();
  Evaluation evaluation = model->startEvaluation(span);
  differentiateWhole(*model, text, next,
                     [&](mlir::Operation *op, const Matrix &d) {
                       if (llvm::isa<model::LinearOp>(op))
                         gradients[nameOf(op)] =
                             linearWeightVjp(inputs[nameOf(op)], d);
                     },
                     evaluation, {});
  model->setLinearInputHook({});
  ASSERT_EQ(gradients.size(), 14u);

  auto cost = [&] {
    Matrix logits = expectValue(model->logits(text));
    double sum = 0;
    for (int64_t t = 0; t < logits.rows; ++t) {
      double all = 0;
      for (int64_t i = 0; i < logits.columns; ++i)
        all += std::exp(double(logits.row(t)[i]));
      sum += std::log(all) - logits.row(t)[next[t]];
    }
    return sum;
  };
  for (auto &entry : gradients) {
    SCOPED_TRACE(entry.first().str());
    const Matrix &g = entry.second;
    auto weight = expectValue(model->weights().get(entry.first()));
    // Along the gradient: where rounding hides least.
    double square = 0, largest = 0;
    for (float value : g.data) {
      square += double(value) * value;
      largest = std::max<double>(largest, std::fabs(value));
    }
    ASSERT_GT(largest, 0);
    auto costAt = [&](double h) {
      std::vector<float> moved = weight->data;
      for (size_t i = 0; i < moved.size(); ++i)
        moved[i] += float(h / std::sqrt(square) * g.data[i]);
      EXPECT_FALSE(model->weights().replace(entry.first(), std::move(moved)));
      return cost();
    };
    double slope = (costAt(0.02) - costAt(-0.02)) / 0.04;
    model->weights().restore(entry.first());
    EXPECT_NEAR(slope, std::sqrt(square), 0.03 * std::sqrt(square) + 2e-4);
  }
}
