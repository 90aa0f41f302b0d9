//===- EmbeddingLoss.cpp - what errors of an embedding cost ---------------===//

#include "EmbeddingLoss.h"
#include <numeric>

using namespace picollm;

/// Probability of each token, from how often it was seen.
static std::vector<double> tokenShares(const std::vector<int64_t> &counts) {
  double total = 0, once = 0, unseen = 0;
  for (int64_t count : counts) {
    total += double(count);
    once += count == 1;
    unseen += count == 0;
  }
  // Good's estimate of the probability of all unseen tokens together.
  double ofUnseen = unseen > 0 && total > 0 ? once / total : 0;
  std::vector<double> shares;
  for (int64_t count : counts)
    shares.push_back(count > 0 ? (1 - ofUnseen) * double(count) / total
                               : ofUnseen / unseen);
  return shares;
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
  loss.statistics.moment = fisher.embedding.values;
  double lookUp = trace(fisher.embedding), head = 0, all = lookUp;
  if (headMoment && headWeights) {
    double sum = std::accumulate(headWeights->begin(), headWeights->end(), 0.0);
    for (size_t i = 0; i < loss.statistics.moment.size(); ++i)
      loss.statistics.moment[i] += float(sum * headMoment->values[i]);
    head = trace(*headMoment);
    all += sum * head;
  }
  std::vector<double> shares = tokenShares(fisher.tokenCounts);
  for (size_t v = 0; v < shares.size(); ++v) {
    double weight = shares[v] * lookUp;
    if (head > 0)
      weight += (*headWeights)[v] * head;
    loss.rowWeights.push_back(all > 0 ? float(weight / all) : 1.0f);
  }
  return loss;
}
