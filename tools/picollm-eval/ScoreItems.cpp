//===- ScoreItems.cpp - how well models answer ----------------------------===//

#include "ScoreItems.h"
#include "Prediction.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include <algorithm>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

namespace {

/// Scores one model, item by item.
class ItemScorer {
public:
  explicit ItemScorer(LanguageModel &model) : model(model) {}

  /// `reference`, if any, has the logits that predict the answer, a row each.
  Error add(const TaskItem &item, const ItemTokens &tokens,
            const Matrix *reference);
  /// After `add`: whether the answer is the likeliest of the item's choices.
  Error addChoices(const TaskItem &item);
  Expected<ItemTokens> tokenize(const TaskItem &item, llvm::StringRef answer);
  ItemScore finish() const;

  /// That predict the answer of the last item, a row each.
  const Matrix &answerLogits() const { return logits; }

private:
  Error run(const ItemTokens &tokens, Matrix &rows);

  LanguageModel &model;
  Matrix logits;
  double loss = 0; ///< of all tokens of the last answer
  ItemScore sums;
};

} // namespace

Expected<ItemTokens> ItemScorer::tokenize(const TaskItem &item,
                                          llvm::StringRef answer) {
  return tokenizeItem(
      item, answer, [&](llvm::StringRef text) { return model.tokenize(text); },
      std::min(calibrationTokens, model.contextLength()));
}

/// The logits that predict the tokens behind the prompt.
Error ItemScorer::run(const ItemTokens &tokens, Matrix &rows) {
  rows = Matrix();
  auto visit = [&](int64_t, const Matrix &more) {
    rows.columns = more.columns;
    rows.rows += more.rows;
    rows.data.insert(rows.data.end(), more.data.begin(), more.data.end());
    return Error::success();
  };
  // The logits of the last token predict nothing that is known.
  return model.run(llvm::ArrayRef(tokens.tokens).drop_back(), tokens.prompt - 1,
                   visit);
}

/// The sum over the tokens behind the prompt.
static double lossOf(const ItemTokens &tokens, const Matrix &rows) {
  std::vector<double> losses(rows.rows);
  parallelFor(rows.rows, [&](int64_t i) {
    losses[i] = Prediction(rows.row(i), rows.columns)
                    .loss(tokens.tokens[tokens.prompt + i]);
  });
  double sum = 0;
  for (double loss : losses)
    sum += loss;
  return sum;
}

Error ItemScorer::addChoices(const TaskItem &item) {
  if (item.choices.empty())
    return Error::success();
  const double perByte = loss / double(item.answer.size());
  bool right = true;
  for (auto [index, choice] : llvm::enumerate(item.choices)) {
    if (int64_t(index) == item.answerIndex)
      continue;
    Expected<ItemTokens> tokens = tokenize(item, choice);
    if (!tokens)
      return tokens.takeError();
    Matrix rows;
    if (Error error = run(*tokens, rows))
      return error;
    right &= perByte < lossOf(*tokens, rows) / double(choice.size());
  }
  ++sums.choiceItems;
  sums.accuracy += right;
  return Error::success();
}

Error ItemScorer::add(const TaskItem &item, const ItemTokens &tokens,
                      const Matrix *reference) {
  if (Error error = run(tokens, logits))
    return error;
  if (reference && reference->columns != logits.columns)
    return llvm::createStringError(
        "a model has " + llvm::Twine(logits.columns) +
        " tokens in its vocabulary, its reference " +
        llvm::Twine(reference->columns) + "; they cannot be compared");
  loss = lossOf(tokens, logits);
  sums.answerLoss += loss;
  sums.answerTokens += logits.rows;
  ++sums.items;
  if (reference) {
    std::vector<double> divergences(logits.rows), agreements(logits.rows);
    parallelFor(logits.rows, [&](int64_t i) {
      Prediction p(reference->row(i), logits.columns);
      Prediction q(logits.row(i), logits.columns);
      divergences[i] = divergence(p, q);
      agreements[i] = p.best == q.best;
    });
    for (int64_t i = 0; i < logits.rows; ++i) {
      sums.divergence += divergences[i];
      sums.agreement += agreements[i];
    }
  }
  return Error::success();
}

ItemScore ItemScorer::finish() const {
  ItemScore score = sums;
  score.answerLoss /= double(score.answerTokens);
  score.divergence /= double(score.answerTokens);
  score.agreement /= double(score.answerTokens);
  if (score.choiceItems)
    score.accuracy /= double(score.choiceItems);
  return score;
}

Expected<std::vector<ItemScore>>
picollm::scoreItems(llvm::ArrayRef<LanguageModel *> models,
                    llvm::ArrayRef<TaskItem> items, bool compare) {
  std::vector<ItemScorer> scorers;
  for (LanguageModel *model : models)
    scorers.emplace_back(*model);
  Progress progress("answers", items.size() * models.size(), "runs");
  int64_t runs = 0;
  for (const TaskItem &item : items) {
    std::vector<int32_t> first;
    for (auto [index, scorer] : llvm::enumerate(scorers)) {
      Expected<ItemTokens> tokens = scorer.tokenize(item, item.answer);
      if (!tokens)
        return tokens.takeError();
      if (index == 0)
        first = tokens->tokens;
      else if (compare && tokens->tokens != first)
        return llvm::createStringError(
            item.place + ": the models split this item into different tokens; "
                         "they cannot be compared");
      if (Error error = scorer.add(
              item, *tokens,
              compare && index > 0 ? &scorers.front().answerLogits() : nullptr))
        return std::move(error);
      if (!compare || index > 0)
        if (Error error = scorer.addChoices(item))
          return std::move(error);
      progress.update(++runs);
    }
  }
  std::vector<ItemScore> scores;
  for (const ItemScorer &scorer : scorers)
    scores.push_back(scorer.finish());
  if (compare)
    scores.front().agreement = 1;
  return scores;
}
