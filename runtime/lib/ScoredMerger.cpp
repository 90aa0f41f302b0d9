//===- ScoredMerger.cpp - SentencePiece's merges by score -----------------===//

#include "ScoredMerger.h"
#include "Utf8.h"
#include <algorithm>

using namespace picollm;

/// U+2581, which SentencePiece writes for a space and takes for one.
static constexpr std::string_view visibleSpace = "\xE2\x96\x81";

/// Order of the heap: the lowest rank comes first, then the leftmost.
bool ScoredMerger::isLater(const Candidate &a, const Candidate &b) {
  if (a.rank != b.rank)
    return a.rank > b.rank;
  return a.left > b.left;
}

void ScoredMerger::startLine(std::string_view text, bool spacePrefix) {
  line.assign(spacePrefix ? 1 : 0, ' ');
  while (true) {
    const size_t found = text.find(visibleSpace);
    line += text.substr(0, found);
    if (found == std::string_view::npos)
      return;
    line += ' ';
    text.remove_prefix(found + visibleSpace.size());
  }
}

void ScoredMerger::startSymbols() {
  symbols.clear();
  for (size_t begin = 0; begin < line.size();) {
    const size_t index = symbols.size();
    const size_t size =
        firstUtf8Symbol(std::string_view(line).substr(begin)).bytes;
    symbols.push_back({begin, size, index - 1, index + 1});
    begin += size;
  }
}

void ScoredMerger::propose(size_t left) {
  const size_t right = symbols[left].next;
  if (right >= symbols.size())
    return;
  const size_t size = symbols[left].size + symbols[right].size;
  const uint32_t token =
      file.findWord(std::string_view(line).substr(symbols[left].begin, size));
  if (token == PICOLLM_TOKENIZER_NO_TOKEN)
    return;
  candidates.push_back({file.ranks[token], left, size});
  std::push_heap(candidates.begin(), candidates.end(), isLater);
}

void ScoredMerger::apply(const Candidate &candidate) {
  Symbol &left = symbols[candidate.left];
  // Symbols only grow: where the sizes add up, both are what they were.
  if (left.size == 0 || left.next >= symbols.size())
    return;
  Symbol &right = symbols[left.next];
  if (left.size + right.size != candidate.size)
    return;
  left.size = candidate.size;
  left.next = right.next;
  right.size = 0;
  if (left.next < symbols.size())
    symbols[left.next].previous = candidate.left;
  propose(candidate.left);
  if (candidate.left > 0)
    propose(left.previous);
}

void ScoredMerger::emit(const Symbol &symbol,
                        std::vector<int32_t> &tokens) const {
  const std::string_view bytes =
      std::string_view(line).substr(symbol.begin, symbol.size);
  const uint32_t word = file.findWord(bytes);
  if (word != PICOLLM_TOKENIZER_NO_TOKEN) {
    tokens.push_back(static_cast<int32_t>(word));
    return;
  }
  for (char byte : bytes) {
    const uint32_t token = file.byteTokens[static_cast<uint8_t>(byte)];
    if (token != PICOLLM_TOKENIZER_NO_TOKEN)
      tokens.push_back(static_cast<int32_t>(token));
  }
}

void ScoredMerger::encode(std::string_view text, bool spacePrefix,
                          std::vector<int32_t> &tokens) {
  startLine(text, spacePrefix);
  startSymbols();
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    propose(i);
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), isLater);
    const Candidate best = candidates.back();
    candidates.pop_back();
    apply(best);
  }
  // Merging keeps the left symbol, so the list always starts at 0.
  for (size_t i = 0; i < symbols.size(); i = symbols[i].next)
    emit(symbols[i], tokens);
}
