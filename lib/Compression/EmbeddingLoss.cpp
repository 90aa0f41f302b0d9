//===- EmbeddingLoss.cpp - what errors of an embedding cost ---------------===//

#include "EmbeddingLoss.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace picollm;

/// Good's estimate of how likely a token is that none of `tokens` has which are
/// drawn from the counted ones, `total` together.
static double shareOfUnseen(const std::vector<int64_t> &counts, double total,
                            double tokens) {
  const double drawn = std::min(1.0, tokens / total);
  double share = 0; // of the tokens that are expected in them once
  for (int64_t count : counts)
    if (count > 0)
      share += double(count) / total * std::pow(1 - drawn, double(count - 1));
  return share;
}

/// How often each token is looked up, from how often it was seen, with unseen
/// ones weighed as the header says.
static std::vector<double> lookUpWeights(const std::vector<int64_t> &counts) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double unseen = std::count(counts.begin(), counts.end(), 0);
  std::vector<double> weights(counts.size(), 0.0);
  if (total == 0)
    return weights;
  const double ofSeen =
      unseen > 0 ? 1 - shareOfUnseen(counts, total, total) : 1.0;
  const double ofUnseen =
      unseenTokenWeight * shareOfUnseen(counts, total, unseenTokenSample);
  for (auto [weight, count] : llvm::zip(weights, counts))
    weight = count > 0 ? ofSeen * double(count) / total : ofUnseen / unseen;
  return weights;
}

static double trace(const SecondMoment &moment) {
  double sum = 0;
  for (int64_t j = 0; j < moment.columns; ++j)
    sum += moment.values[j * moment.columns + j];
  return sum;
}

EmbeddingLoss picollm::lossOfEmbedding(const FisherInformation &fisher,
                                       const SecondMoment *headMoment,
                                       const std::vector<float> *headWeights) {
  EmbeddingLoss loss;
  const std::vector<double> lookUps = lookUpWeights(fisher.tokenCounts);
  const double lookUpSum = std::accumulate(lookUps.begin(), lookUps.end(), 0.0);
  for (float value : fisher.embedding.values)
    loss.statistics.moment.push_back(float(lookUpSum * value));
  const double lookUp = trace(fisher.embedding);
  double head = 0, all = lookUpSum * lookUp;
  if (headMoment && headWeights) {
    double sum = std::accumulate(headWeights->begin(), headWeights->end(), 0.0);
    for (size_t i = 0; i < loss.statistics.moment.size(); ++i)
      loss.statistics.moment[i] += float(sum * headMoment->values[i]);
    head = trace(*headMoment);
    all += sum * head;
  }
  for (size_t v = 0; v < lookUps.size(); ++v) {
    double weight = lookUps[v] * lookUp;
    if (head > 0)
      weight += (*headWeights)[v] * head;
    loss.rowWeights.push_back(all > 0 ? float(weight / all) : 1.0f);
  }
  return loss;
}
