//===- ModelFile.h - a model as its file describes it -----------*- C++ -*-===//
//
// What every file format is brought to before a model is built from it. A new
// format is one file that implements ModelFile and one line in the table of
// formats in ModelFile.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_IMPORT_MODELFILE_H
#define PICOLLM_IMPORT_MODELFILE_H

#include "picollm/Import/TokenizerData.h"
#include "picollm/Import/WeightReader.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace picollm {

/// How the angles of rotary embeddings are stretched to long contexts.
enum class RotaryScaling {
  None,
  Linear, ///< positions divided by factor
  YaRN,   ///< Peng et al., arXiv 2309.00071
};

/// Parameters of rotary embeddings. A table of factors per frequency (Llama 3)
/// is in `factors` or, in GGUF, the tensor "rope_freqs.weight".
struct RotaryDescription {
  int64_t dimensions = 0; ///< rotated elements of a head
  double base = 10000;
  RotaryScaling scaling = RotaryScaling::None;
  double factor = 1;
  double attentionFactor = 1;  ///< on top of what YaRN prescribes
  double betaFast = 32;        ///< YaRN: rotations above which nothing changes
  double betaSlow = 1;         ///< YaRN: rotations below which all is stretched
  int64_t originalContext = 0; ///< YaRN: the context before stretching
  /// What each of the dimensions / 2 frequencies is divided by, positive;
  /// empty: 1.
  std::vector<float> factors;
  /// The rows of q and k of each head are interleaved pairs (GGUF's Llama)
  /// rather than halves; see picollm.weight.
  bool interleaved = false;
};

/// Layers that attend to the last positions only, and what else they have of
/// their own.
struct LocalAttention {
  int64_t window = 0; ///< positions, the query's own included; 0: no such layer
  /// Whether the first layers are such ones; after the last entry it goes on
  /// with the first. Not empty where there is a window.
  std::vector<bool> pattern;
  RotaryDescription rotary;

  bool includes(int64_t layer) const {
    return window > 0 && pattern[size_t(layer) % pattern.size()];
  }
};

/// The numbers that shape a model. Every count is positive and at most 2^31;
/// heads is a multiple of kvHeads.
struct ModelDescription {
  std::string name; ///< may be empty
  int64_t vocabulary = 0;
  int64_t context = 0; ///< positions that the model was trained for
  int64_t layers = 0;
  int64_t embedding = 0;
  int64_t feedForward = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headSize = 0;
  int64_t experts = 0; ///< 0: dense
  double normEpsilon = 0;
  double attentionScale = 0; ///< 0: 1 / sqrt(headSize)
  /// Bound that a tanh sets to the scores of attention and to the logits
  /// (Gemma 2); 0: none.
  double attentionSoftcap = 0, logitSoftcap = 0;
  RotaryDescription rotary;
  LocalAttention local;
};

/// An open model file. Tensors go by the names that GGUF gives them
/// ("token_embd.weight", "blk.0.attn_q.weight", "output_norm.weight"), in every
/// format.
class ModelFile {
public:
  virtual ~ModelFile();

  /// For messages.
  virtual llvm::StringRef path() const = 0;
  /// The family of the model, which chooses its builder: "llama".
  virtual llvm::StringRef architecture() const = 0;
  virtual llvm::Expected<ModelDescription> describe() const = 0;
  /// Its `model` is empty where the file holds no tokenizer.
  virtual llvm::Expected<TokenizerData> readTokenizer() const = 0;
  /// Nothing if there is no such tensor. Tensors of more than two dimensions
  /// are given with all but the contiguous one as rows.
  virtual std::optional<WeightSource>
  findTensor(llvm::StringRef name) const = 0;
  virtual std::vector<std::string> tensorNames() const = 0;
  /// What the file itself calls a tensor, for messages.
  virtual std::string nameInFile(llvm::StringRef name) const {
    return name.str();
  }
};

/// Opens a model file of any known format, or a folder of Hugging Face
/// (config.json, safetensors). Errors are one sentence.
llvm::Expected<std::unique_ptr<ModelFile>> openModelFile(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_IMPORT_MODELFILE_H
