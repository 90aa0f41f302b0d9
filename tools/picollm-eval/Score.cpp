//===- Score.cpp - how well models predict texts --------------------------===//

#include "Score.h"
#include "Prediction.h"
#include "picollm/Calibration/Texts.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include <algorithm>
#include <cmath>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {

/// Sums over the predicted tokens of one text.
struct TextScore {
  double loss = 0; ///< negative log-likelihood
  double divergence = 0, agreement = 0;
};

/// Scores one model on texts, one by one.
class Scorer {
public:
  explicit Scorer(LanguageModel &model) : model(model) {}

  /// Rows of `reference`, if any, are the logits of the predictions.
  Error add(llvm::ArrayRef<int32_t> tokens, const Matrix *reference);
  /// Keeps the logits of the next text in `rows`.
  void keepLogits(Matrix *rows) { kept = rows; }
  Score finish() const;

private:
  LanguageModel &model;
  Matrix *kept = nullptr;
  Score sums;
  double lossSum = 0;
};

} // namespace

Error Scorer::add(llvm::ArrayRef<int32_t> tokens, const Matrix *reference) {
  std::vector<TextScore> ofToken(tokens.size());
  // The logits of the last token predict nothing that is known.
  llvm::ArrayRef<int32_t> run = tokens.drop_back();
  auto visit = [&](int64_t first, const Matrix &rows) -> Error {
    if (reference && reference->columns != rows.columns)
      return llvm::createStringError(
          "a model has " + llvm::Twine(rows.columns) +
          " tokens in its vocabulary, its reference " +
          llvm::Twine(reference->columns) + "; they cannot be compared");
    int64_t count = rows.columns;
    if (kept) {
      kept->columns = count;
      kept->rows += rows.rows;
      kept->data.insert(kept->data.end(), rows.data.begin(), rows.data.end());
    }
    parallelFor(rows.rows, [&](int64_t i) {
      Prediction prediction(rows.row(i), count);
      TextScore &score = ofToken[first + i];
      score.loss = prediction.loss(tokens[first + i + 1]);
      if (!reference)
        return;
      Prediction expected(reference->row(first + i - perplexityContext), count);
      score.divergence = divergence(expected, prediction);
      score.agreement = expected.best == prediction.best;
    });
    return Error::success();
  };
  if (Error error = model.run(run, perplexityContext, visit))
    return error;
  int64_t predicted = run.size() - perplexityContext;
  double loss = 0;
  for (const TextScore &score : ofToken) {
    loss += score.loss;
    sums.divergence += score.divergence;
    sums.agreement += score.agreement;
  }
  lossSum += loss / double(predicted);
  sums.perplexity += std::exp(loss / double(predicted));
  sums.tokens += predicted;
  ++sums.texts;
  return Error::success();
}

Score Scorer::finish() const {
  Score score = sums;
  score.perplexity /= double(score.texts);
  score.perplexityGeometric = std::exp(lossSum / double(score.texts));
  score.divergence /= double(score.tokens);
  score.agreement /= double(score.tokens);
  return score;
}

/// The tokens of a text by all models; empty where it is too short.
static Expected<std::vector<int32_t>>
tokenizeByAll(llvm::ArrayRef<LanguageModel *> models, llvm::StringRef file) {
  Expected<std::string> text = readText(file);
  if (!text)
    return text.takeError();
  std::vector<int32_t> first;
  for (LanguageModel *model : models) {
    Expected<std::vector<int32_t>> tokens = model->tokenize(*text);
    if (!tokens)
      return tokens.takeError();
    if (model == models.front())
      first = std::move(*tokens);
    else if (*tokens != first)
      return llvm::createStringError(
          file + ": the models split this text into different tokens; they "
                 "cannot be compared");
  }
  if (int64_t(first.size()) <= perplexityTokens)
    return std::vector<int32_t>();
  first.resize(perplexityTokens);
  return first;
}

Expected<std::vector<Score>>
picollm::scoreModels(llvm::ArrayRef<LanguageModel *> models,
                     llvm::StringRef directory, int64_t limit, bool compare) {
  Expected<std::vector<std::string>> files = listTexts(directory);
  if (!files)
    return files.takeError();
  std::vector<Scorer> scorers;
  for (LanguageModel *model : models)
    scorers.emplace_back(*model);
  int64_t texts = 0, total = files->size();
  if (limit)
    total = std::min(total, limit);
  Progress progress("perplexity", total * int64_t(models.size()), "runs");
  for (const std::string &file : *files) {
    if (texts == total)
      break;
    Expected<std::vector<int32_t>> tokens = tokenizeByAll(models, file);
    if (!tokens)
      return tokens.takeError();
    if (tokens->empty())
      continue;
    Matrix reference;
    for (size_t i = 0; i < scorers.size(); ++i) {
      if (compare && i == 0)
        scorers[i].keepLogits(&reference);
      if (Error error =
              scorers[i].add(*tokens, compare && i > 0 ? &reference : nullptr))
        return std::move(error);
      progress.update(texts * int64_t(models.size()) + int64_t(i) + 1);
    }
    ++texts;
  }
  if (texts == 0)
    return llvm::createStringError(directory + ": no text has more than " +
                                   llvm::Twine(perplexityTokens) + " tokens");
  std::vector<Score> scores;
  for (const Scorer &scorer : scorers)
    scores.push_back(scorer.finish());
  if (compare)
    scores.front().agreement = 1;
  return scores;
}
