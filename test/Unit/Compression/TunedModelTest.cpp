//===- TunedModelTest.cpp - gradients of scales and norms -----------------===//

#include "QuantizedTinyModel.h"
#include "picollm/Support/Parallel.h"
#include <random>

using namespace picollm;

static const TokenSequences texts{{3, 17, 0, 39, 8, 8, 21}, {5, 6, 11, 2}};

namespace {

/// A teacher, and a student whose head has half its weights.
struct Pair : TinyModel {
  Pair() : teacher(interpreter()), student(interpreter()) {
    auto head = llvm::cast<model::LogitsOp>(student->operations().back());
    auto weight = expectValue(student->weights().get(head.getWeight()));
    std::vector<float> halved = weight->data;
    for (float &value : halved)
      value /= 2;
    EXPECT_FALSE(student->weights().replace(head.getWeight(), halved));
  }

  /// Summed over rows [first, end) of a text, by definition.
  double divergence(llvm::ArrayRef<int32_t> text, int64_t first, int64_t end) {
    Matrix p = expectValue(teacher->logits(text));
    Matrix q = expectValue(student->logits(text));
    double result = 0;
    for (int64_t t = first; t < end; ++t) {
      double sumP = 0, sumQ = 0;
      for (int64_t i = 0; i < p.columns; ++i) {
        sumP += std::exp(double(p.row(t)[i]));
        sumQ += std::exp(double(q.row(t)[i]));
      }
      for (int64_t i = 0; i < p.columns; ++i) {
        double logP = p.row(t)[i] - std::log(sumP);
        result += std::exp(logP) * (logP - q.row(t)[i] + std::log(sumQ));
      }
    }
    return result;
  }

  std::unique_ptr<ReferenceModel> teacher, student;
};

} // namespace

TEST(Distillation, IsTheMeanDivergenceOfEachText) {
  Pair pair;
  auto distillation = expectValue(Distillation::create(*pair.teacher, texts));
  for (int round = 0; round < 2; ++round)
    for (const std::vector<int32_t> &text : texts) {
      ASSERT_EQ(expectValue(distillation->nextTexts()), TokenSequences{text});
      double expected =
          pair.divergence(text, 0, text.size()) / double(text.size());
      // In two tiles, as a caller may.
      Matrix logits = expectValue(pair.student->logits(text));
      Matrix first = rowsOf(logits, 0, 2);
      Matrix rest = rowsOf(logits, 2, logits.rows - 2);
      ASSERT_FALSE(distillation->differentiate(0, 0, first));
      ASSERT_FALSE(distillation->differentiate(0, 2, rest));
      EXPECT_GT(expected, 1e-4);
      EXPECT_NEAR(distillation->divergence(), expected, 1e-5 * expected + 1e-7);
    }
}

/// More texts than the teacher runs over at a time, twice.
TEST(Distillation, GoesThroughBatchesOfTexts) {
  Pair pair;
  TokenSequences many;
  for (size_t i = 0; i < Distillation::batch + 2; ++i)
    many.push_back({int32_t(3 + i), int32_t(20 - i), 7});
  auto distillation = expectValue(Distillation::create(*pair.teacher, many));
  for (int round = 0; round < 2; ++round)
    for (const std::vector<int32_t> &text : many) {
      ASSERT_EQ(expectValue(distillation->nextTexts()), TokenSequences{text});
      Matrix logits = expectValue(pair.student->logits(text));
      ASSERT_FALSE(distillation->differentiate(0, 0, logits));
      const double expected = pair.divergence(text, 0, 3) / 3;
      EXPECT_NEAR(distillation->divergence(), expected, 1e-3 * expected);
    }
}

/// Texts with prompts are one step together, and only their answers count.
TEST(Distillation, OfItemsIsTheMeanOverAnswers) {
  Pair pair;
  CalibrationSet items;
  items.add(texts[0], 4);
  items.add({1, 2}, 2); // all prompt
  items.add(texts[1], 1);
  auto distillation = expectValue(Distillation::create(*pair.teacher, items));
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(expectValue(distillation->nextTexts()), texts);
    double expected =
        (pair.divergence(texts[0], 3, 6) + pair.divergence(texts[1], 0, 3)) / 6;
    for (size_t text : {0, 1}) {
      Matrix logits = expectValue(pair.student->logits(texts[text]));
      ASSERT_FALSE(distillation->differentiate(text, 0, logits));
      const CalibrationSet::Rows counted = items.counted(text == 0 ? 0 : 2);
      for (int64_t t = 0; t < logits.rows; ++t) {
        double size = 0;
        for (int64_t i = 0; i < logits.columns; ++i)
          size += std::fabs(logits.row(t)[i]);
        EXPECT_EQ(size > 0, counted.contains(t)) << text << ' ' << t;
      }
    }
    EXPECT_GT(expected, 1e-4);
    EXPECT_NEAR(distillation->divergence(), expected, 1e-5 * expected + 1e-7);
  }
}

TEST(Distillation, AStepOfItemsHasAtMostSoManyTokens) {
  TinyModel tiny;
  auto teacher = tiny.interpreter();
  CalibrationSet items;
  const std::vector<int32_t> item(60, 3); // 17 of them fit 1024 tokens
  for (int i = 0; i < 20; ++i)
    items.add(item, 59);
  auto distillation = expectValue(Distillation::create(*teacher, items));
  EXPECT_EQ(expectValue(distillation->nextTexts()).size(), 17u);
  EXPECT_EQ(expectValue(distillation->nextTexts()).size(), 3u);
  EXPECT_EQ(expectValue(distillation->nextTexts()).size(), 17u);
  EXPECT_EQ(Distillation::stepsOfRound(items), 2);
  EXPECT_EQ(Distillation::stepsOfRound(texts), 2); // one each
}

TEST(Distillation, NeedsAPredictionThatCounts) {
  TinyModel tiny;
  auto teacher = tiny.interpreter();
  CalibrationSet prompts;
  prompts.add({5, 6}, 2);
  expectPart(errorOf(Distillation::create(*teacher, prompts)),
             "no prediction in the texts of tuning counts");
}

TEST(Distillation, RefusesTokensOutsideTheVocabulary) {
  TinyModel tiny;
  auto teacher = tiny.interpreter();
  expectPart(
      errorOf(Distillation::create(*teacher, TokenSequences{{1, 99999}})),
      "token 99999 is outside the vocabulary");
}

/// Along the gradient of each kind of factor, where rounding hides least.
/// As large as in Adam: a gradient that says the same at every step; next to
/// nothing: one of random signs.
TEST(TunedFactors, FollowTheSignalAndNotTheNoise) {
  constexpr size_t count = 1000;
  constexpr double rate = 0.01;
  TunedFactors steady(count), noisy(count);
  std::mt19937 random(1);
  for (int step = 1; step <= 100; ++step) {
    for (size_t i = 0; i < count; ++i) {
      steady.gradient[i] = i % 2 ? 3 : -1e-3;
      noisy.gradient[i] = random() % 2 ? 1 : -1;
    }
    steady.descend(step, rate);
    noisy.descend(step, rate);
  }
  double walked = 0;
  for (size_t i = 0; i < count; ++i) {
    EXPECT_NEAR(steady.logarithms[i], i % 2 ? -0.9 : 0.9, 0.06) << i;
    walked += noisy.logarithms[i] * noisy.logarithms[i];
  }
  // Adam alone walks 0.1, a tenth of what it would go straight on.
  EXPECT_LT(std::sqrt(walked / count), 0.06);
}

TEST(TunedModel, GradientsEqualDifferenceQuotients) {
  CalibrationSet items;
  items.add(texts[0], 2);
  items.add(texts[1], 1);
  for (bool tied : {true, false}) {
    QuantizedTinyModel tiny(texts, tied);
    auto teacher = tiny.interpreter(), student = tiny.interpreter();
    auto distillation = expectValue(Distillation::create(
        *teacher, tied ? items : CalibrationSet(TokenSequences{texts[0]})));
    DistilledModel model(*distillation);
    ASSERT_FALSE(model.open(*tiny.module, *student));
    EXPECT_GT(model.divergence(), 0);
    auto all = model.factors();
    std::vector<std::vector<double>> gradients;
    for (auto &entry : all)
      gradients.push_back(entry.second->gradient);
    for (size_t k = 0; k < all.size(); ++k) {
      SCOPED_TRACE(all[k].first);
      std::vector<float> &logarithms = all[k].second->logarithms;
      double square = 0;
      for (double g : gradients[k])
        square += g * g;
      ASSERT_GT(square, 0);
      auto divergenceAt = [&](double h) {
        for (size_t i = 0; i < logarithms.size(); ++i)
          logarithms[i] = float(h * gradients[k][i] / std::sqrt(square));
        return model.divergence();
      };
      const double h = 0.02; // scales are rounded to halves
      double slope = (divergenceAt(h) - divergenceAt(-h)) / (2 * h);
      divergenceAt(0);
      EXPECT_NEAR(slope, std::sqrt(square), 0.04 * std::sqrt(square) + 1e-5);
    }
  }
}

/// What is written is the model that was tuned, nearer to the float one.
TEST(TunedModel, WritesWhatItHasTuned) {
  QuantizedTinyModel tiny(texts);
  auto teacher = tiny.interpreter(), student = tiny.interpreter();
  auto distillation =
      expectValue(Distillation::create(*teacher, TokenSequences{texts[0]}));
  DistilledModel model(*distillation);
  ASSERT_FALSE(model.open(*tiny.module, *student));
  const double before = model.divergence();
  for (int step = 1; step <= 20; ++step) {
    model.descend(step, 0.003);
    model.divergence();
  }
  model.descend(21, 0.003);
  const double after = model.divergence();
  EXPECT_LT(after, 0.8 * before);
  ASSERT_FALSE(model.write(tiny.file("tuned")));

  // The same model once more, from the file.
  auto again = tiny.interpreter();
  DistilledModel written(*distillation);
  ASSERT_FALSE(written.open(*tiny.module, *again));
  EXPECT_NEAR(written.divergence(), after, 0.05 * after); // halves
}

TEST(TunedModel, DoesNotDependOnThreads) {
  QuantizedTinyModel tiny(texts);
  std::vector<std::vector<float>> results[2];
  for (unsigned threads : {1, 3}) {
    setThreadCount(threads);
    auto teacher = tiny.interpreter(), student = tiny.interpreter();
    auto distillation = expectValue(Distillation::create(*teacher, texts));
    DistilledModel model(*distillation);
    ASSERT_FALSE(model.open(*tiny.module, *student));
    for (int step = 1; step <= 3; ++step) {
      model.divergence();
      model.descend(step, 0.003);
    }
    for (auto &entry : model.factors())
      results[threads > 1].push_back(entry.second->logarithms);
  }
  setThreadCount(0);
  EXPECT_EQ(results[0], results[1]);
}
