//===- EmbeddingLoss.h - what errors of an embedding cost -------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_EMBEDDINGLOSS_H
#define PICOLLM_LIB_COMPRESSION_EMBEDDINGLOSS_H

#include "picollm/Calibration/FisherInformation.h"
#include "picollm/Quantization/WeightStack.h"

namespace picollm {

/// sum_v weights_v e_v^T M e_v for errors e_v of the rows v.
struct EmbeddingLoss {
  InputStatistics statistics; ///< M
  std::vector<float> rowWeights;
};

/// Unseen tokens count so many times as often as they are expected behind so
/// many tokens, however many the texts have. Where one of them stands among
/// known ones its error costs what a gradient says, but they come in company: a
/// text in another language has no others, and is lost. More texts of a known
/// kind do not make another kind rarer.
inline constexpr double unseenTokenWeight = 2;
inline constexpr double unseenTokenSample = 4096;

/// An error e_v of row v costs n_v e_v^T G e_v where v is looked up (n_v its
/// share of the tokens, G the second moment of the gradient there) and, where
/// the embedding is the head too, f_v e_v^T H e_v as a row of the head (f_v its
/// Fisher information, H the second moment of the head's input). Their sum is
/// replaced by the nearest of the form above: M is the sum over rows, weights
/// follow from the traces. `headMoment` and `headWeights` are null for an
/// embedding that is no head. n_v of tokens that the texts do not have is
/// unseenTokenWeight times what Good ("The population frequencies of species",
/// 1953) gives species that a sample of unseenTokenSample has not.
EmbeddingLoss lossOfEmbedding(const FisherInformation &fisher,
                              const SecondMoment *headMoment,
                              const std::vector<float> *headWeights);

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_EMBEDDINGLOSS_H
