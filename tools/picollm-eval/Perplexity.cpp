//===- Perplexity.cpp - the perplexity protocol ---------------------------===//

#include "Perplexity.h"
#include "picollm/Calibration/Texts.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include <algorithm>
#include <cmath>

using namespace picollm;
using llvm::Error;
using llvm::Expected;

/// -log softmax(logits)[token].
static double negativeLogLikelihood(const float *logits, int64_t count,
                                    int32_t token) {
  float top = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - top);
  return std::log(sum) + top - logits[token];
}

/// Mean over the predictions of tokens 513 .. 1023.
static Expected<double> textLoss(LanguageModel &model,
                                 llvm::ArrayRef<int32_t> tokens) {
  std::vector<double> losses(tokens.size());
  // The logits of the last token predict nothing that is known.
  llvm::ArrayRef<int32_t> run = tokens.drop_back();
  auto visit = [&](int64_t first, const Matrix &rows) {
    parallelFor(rows.rows, [&](int64_t i) {
      losses[first + i] = negativeLogLikelihood(rows.row(i), rows.columns,
                                                tokens[first + i + 1]);
    });
    return Error::success();
  };
  if (Error error = model.run(run, perplexityContext, visit))
    return std::move(error);
  double sum = 0;
  for (double loss : losses)
    sum += loss;
  return sum / (run.size() - perplexityContext);
}

Expected<Perplexity> picollm::measurePerplexity(LanguageModel &model,
                                                llvm::StringRef directory,
                                                int64_t limit) {
  Expected<std::vector<std::string>> files = listTexts(directory);
  if (!files)
    return files.takeError();
  Perplexity result;
  double lossSum = 0;
  int64_t total = files->size();
  Progress progress("perplexity", limit ? std::min(limit, total) : total,
                    "texts");
  for (const std::string &file : *files) {
    if (limit && result.texts == limit)
      break;
    Expected<std::string> text = readText(file);
    if (!text)
      return text.takeError();
    Expected<std::vector<int32_t>> tokens = model.tokenize(*text);
    if (!tokens)
      return tokens.takeError();
    if (int64_t(tokens->size()) <= perplexityTokens)
      continue;
    Expected<double> loss =
        textLoss(model, llvm::ArrayRef(*tokens).take_front(perplexityTokens));
    if (!loss)
      return loss.takeError();
    result.arithmetic += std::exp(*loss);
    lossSum += *loss;
    result.tokens += perplexityTokens - 1 - perplexityContext;
    progress.update(++result.texts);
  }
  if (result.texts == 0)
    return llvm::createStringError(directory + ": no text has more than " +
                                   llvm::Twine(perplexityTokens) + " tokens");
  result.arithmetic /= result.texts;
  result.geometric = std::exp(lossSum / result.texts);
  return result;
}
