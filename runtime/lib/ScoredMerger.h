//===- ScoredMerger.h - SentencePiece's merges by score ---------*- C++ -*-===//

#ifndef PICOLLM_RUNTIME_SCOREDMERGER_H
#define PICOLLM_RUNTIME_SCOREDMERGER_H

#include "TokenizerFile.h"
#include <string>
#include <string_view>
#include <vector>

namespace picollm {

/// Makes tokens of characters as the BPE of SentencePiece does (Kudo and
/// Richardson, arXiv 1808.06226; Sennrich et al., arXiv 1508.07909): of all
/// neighbours whose bytes together are a token, the pair with the best score
/// merges, the leftmost of equals, until there is none. What is no token then
/// becomes tokens of bytes. O(n log n); keeps its memory between texts.
class ScoredMerger {
public:
  explicit ScoredMerger(const TokenizerFile &file) : file(file) {}

  /// Appends the tokens of `text`, with a space before it if `spacePrefix`.
  void encode(std::string_view text, bool spacePrefix,
              std::vector<int32_t> &tokens);

private:
  /// Bytes of `line`; no bytes: merged into the left neighbour.
  struct Symbol {
    size_t begin, size;
    size_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    size_t left; ///< the left symbol
    size_t size; ///< of both together
  };

  static bool isLater(const Candidate &a, const Candidate &b);
  void startLine(std::string_view text, bool spacePrefix);
  void startSymbols();
  void propose(size_t left);
  void apply(const Candidate &candidate);
  void emit(const Symbol &symbol, std::vector<int32_t> &tokens) const;

  const TokenizerFile &file;
  std::string line; ///< the text with every space as one
  std::vector<Symbol> symbols;
  std::vector<Candidate> candidates;
};

} // namespace picollm

#endif // PICOLLM_RUNTIME_SCOREDMERGER_H
