//===- SelfGeneration.h - calibration texts by the model itself -*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_SELFGENERATION_H
#define PICOLLM_CALIBRATION_SELFGENERATION_H

#include "picollm/Calibration/LayerwiseCalibration.h"
#include <optional>

namespace picollm {

struct SelfGenerationOptions {
  int64_t texts = 12;
  int64_t tokens = 512; ///< of each text, the first included
  uint64_t seed = 1;
  /// First token of every text; without one, a random token of the vocabulary.
  std::optional<int32_t> begin;
};

/// Texts sampled from the model at temperature 1, some of them side by side, so
/// that the weights are read once per token of all these. Equal for every
/// number of threads. (The idea: LLM-QAT, Liu et al., arXiv:2305.17888,
/// section 3.1.)
llvm::Expected<TokenSequences>
selfGenerateTexts(ReferenceModel &model, const SelfGenerationOptions &options);

/// The same, kept in `$XDG_CACHE_HOME/picollm` or `~/.cache/picollm` under the
/// identity of the model file and the options. A cache that cannot be read or
/// written is no error: the texts are then generated.
llvm::Expected<TokenSequences>
selfGenerateTextsCached(ReferenceModel &model, llvm::StringRef modelFile,
                        const SelfGenerationOptions &options);

/// What writing them would take.
struct WritingEstimate {
  double seconds = 0; ///< 0 where they are in the cache
  /// Those of the cache, or texts of the same lengths that begin alike and go
  /// on at random.
  TokenSequences texts;
};

/// Writes the first few tokens alone.
llvm::Expected<WritingEstimate>
estimateSelfGeneration(ReferenceModel &model, llvm::StringRef modelFile,
                       const SelfGenerationOptions &options);

/// SHA-256 in hexadecimal of the file's sample (addSample), or of a folder's
/// JSON and safetensors files'.
llvm::Expected<std::string> modelFileIdentity(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_SELFGENERATION_H
