//===- EmbeddingLoss.cpp - what errors of an embedding cost ---------------===//

#include "EmbeddingLoss.h"
#include <numeric>

using namespace picollm;

/// How often each token is looked up, from how often it was seen, with unseen
/// ones weighed as the header says.
static std::vector<double> lookUpWeights(const std::vector<int64_t> &counts) {
  double total = 0, once = 0, unseen = 0;
  for (int64_t count : counts) {
    total += double(count);
    once += count == 1;
    unseen += count == 0;
  }
  // Good's estimate of the probability of all unseen tokens together.
  double ofUnseen = unseen > 0 && total > 0 ? once / total : 0;
  std::vector<double> weights;
  for (int64_t count : counts)
    weights.push_back(count > 0 ? (1 - ofUnseen) * double(count) / total
                                : unseenTokenWeight * ofUnseen / unseen);
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
