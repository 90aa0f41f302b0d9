//===- Tokenizer.cpp - text to tokens and back ----------------------------===//

#include "Tokenizer.h"
#include "ScoredMerger.h"
#include "Utf8.h"
#include <algorithm>
#include <array>

using namespace picollm;

namespace {

const picollm_tokenizer_merge *findMerge(const TokenizerFile &file,
                                         uint32_t left, uint32_t right) {
  const size_t mask = file.merges.count - 1;
  size_t slot = picollm_tokenizer_merge_hash(left, right) & mask;
  for (size_t probes = 0; probes <= mask; ++probes) {
    const picollm_tokenizer_merge &merge = file.merges[slot];
    if (merge.left == PICOLLM_TOKENIZER_NO_TOKEN)
      return nullptr;
    if (merge.left == left && merge.right == right)
      return &merge;
    slot = (slot + 1) & mask;
  }
  return nullptr;
}

/// Merges the bytes of one piece by rank: a heap of possible merges over a
/// linked list of symbols, O(n log n). Keeps its memory between pieces.
class PieceMerger {
public:
  explicit PieceMerger(const TokenizerFile &file) : file(file) {}

  void encode(std::string_view piece, std::vector<int32_t> &tokens) {
    uint32_t word = file.findWord(piece);
    if (word != PICOLLM_TOKENIZER_NO_TOKEN) {
      tokens.push_back(static_cast<int32_t>(word));
      return;
    }
    startSymbols(piece);
    for (size_t i = 0; i + 1 < symbols.size(); ++i)
      propose(i);
    while (!candidates.empty()) {
      std::pop_heap(candidates.begin(), candidates.end(), isLater);
      Candidate best = candidates.back();
      candidates.pop_back();
      apply(best);
    }
    // Merging keeps the left symbol, so the list always starts at 0.
    for (size_t i = 0; i < symbols.size(); i = symbols[i].next)
      tokens.push_back(static_cast<int32_t>(symbols[i].token));
  }

private:
  struct Symbol {
    uint32_t token; // none: merged into its left neighbour
    size_t previous, next;
  };
  struct Candidate {
    size_t position; // of the left symbol
    picollm_tokenizer_merge merge;
  };

  /// Order of the heap: the lowest rank comes first, then the leftmost.
  static bool isLater(const Candidate &a, const Candidate &b) {
    if (a.merge.rank != b.merge.rank)
      return a.merge.rank > b.merge.rank;
    return a.position > b.position;
  }

  void startSymbols(std::string_view piece) {
    symbols.clear();
    for (char byte : piece) {
      uint32_t token = file.byteTokens[static_cast<uint8_t>(byte)];
      size_t index = symbols.size();
      if (token != PICOLLM_TOKENIZER_NO_TOKEN)
        symbols.push_back({token, index - 1, index + 1});
    }
  }

  void propose(size_t left) {
    size_t right = symbols[left].next;
    if (right >= symbols.size())
      return;
    const picollm_tokenizer_merge *merge =
        findMerge(file, symbols[left].token, symbols[right].token);
    if (!merge)
      return;
    candidates.push_back({left, *merge});
    std::push_heap(candidates.begin(), candidates.end(), isLater);
  }

  void apply(const Candidate &candidate) {
    Symbol &left = symbols[candidate.position];
    if (left.token != candidate.merge.left || left.next >= symbols.size())
      return;
    Symbol &right = symbols[left.next];
    if (right.token != candidate.merge.right)
      return;
    left.token = candidate.merge.result;
    right.token = PICOLLM_TOKENIZER_NO_TOKEN;
    left.next = right.next;
    if (left.next < symbols.size())
      symbols[left.next].previous = candidate.position;
    propose(candidate.position);
    if (candidate.position > 0)
      propose(left.previous);
  }

  const TokenizerFile &file;
  std::vector<Symbol> symbols;
  std::vector<Candidate> candidates;
};

/// Splits text into the pieces inside which merges happen.
class Splitter {
public:
  Splitter(const TokenizerFile &file, PieceMerger &merger,
           std::vector<int32_t> &tokens)
      : file(file), merger(merger), tokens(tokens) {}

  void split(std::string_view text, size_t stage = 0) {
    if (text.empty())
      return;
    if (stage == file.stages.count)
      return merger.encode(text, tokens);
    // What lies between two matches is a piece too.
    size_t unmatched = 0, position = 0;
    while (position < text.size()) {
      std::string_view rest = text.substr(position);
      size_t length = matchLength(file.stages[stage], rest);
      if (!length) {
        position += firstUtf8Symbol(rest).bytes;
        continue;
      }
      split(text.substr(unmatched, position - unmatched), stage + 1);
      split(rest.substr(0, length), stage + 1);
      position += length;
      unmatched = position;
    }
    split(text.substr(unmatched), stage + 1);
  }

private:
  uint32_t classOf(uint32_t codePoint) const {
    if (codePoint == Utf8Symbol::invalid)
      codePoint = PICOLLM_TOKENIZER_INVALID_SYMBOL;
    const uint32_t size = PICOLLM_TOKENIZER_PAGE_CODE_POINTS;
    return file.classBlocks[file.classPages[codePoint / size] * size +
                            codePoint % size];
  }

  /// Length in bytes of the match at the start of `text`, 0 if there is none.
  size_t matchLength(const picollm_tokenizer_stage &stage,
                     std::string_view text) const {
    const size_t columns = size_t(file.header.classes) + 1;
    const uint16_t *table = file.transitions.data + stage.first_state * columns;
    size_t state = 1, position = 0, length = 0;
    while (true) {
      bool atEnd = position == text.size();
      Utf8Symbol symbol{0, 0};
      size_t column = file.header.classes;
      if (!atEnd) {
        symbol = firstUtf8Symbol(text.substr(position));
        column = classOf(symbol.codePoint);
      }
      uint16_t entry = table[state * columns + column];
      if (entry & PICOLLM_TOKENIZER_ACCEPT)
        length = position;
      state = entry & ~PICOLLM_TOKENIZER_ACCEPT;
      if (atEnd || state == 0)
        return length;
      position += symbol.bytes;
    }
  }

  const TokenizerFile &file;
  PieceMerger &merger;
  std::vector<int32_t> &tokens;
};

/// Finds tokens that are written out in a text.
class SpecialFinder {
public:
  explicit SpecialFinder(const TokenizerFile &file) : file(file) {
    for (uint32_t id : file.specials)
      if (!file.piece(id).empty())
        starts[static_cast<uint8_t>(file.piece(id)[0])] = true;
  }

  /// The longest special token at the start of `text`, or none; control tokens
  /// only if they end within the first `room` bytes. `text` is not empty.
  uint32_t find(std::string_view text, size_t room) const {
    uint32_t longest = PICOLLM_TOKENIZER_NO_TOKEN;
    if (!starts[static_cast<uint8_t>(text[0])])
      return longest;
    // The tokens that start with the first `length` bytes of the text.
    const uint32_t *low = file.specials.begin(), *high = file.specials.end();
    for (size_t length = 0; low != high; ++length) {
      if (length && byteAt(*low, length) < 0) {
        if (length <= room || file.kinds[*low] == PICOLLM_TOKEN_USER_DEFINED)
          longest = *low;
        ++low;
      }
      if (length == text.size())
        break;
      int byte = static_cast<uint8_t>(text[length]);
      low = std::partition_point(
          low, high, [&](uint32_t id) { return byteAt(id, length) < byte; });
      high = std::partition_point(
          low, high, [&](uint32_t id) { return byteAt(id, length) == byte; });
    }
    return longest;
  }

private:
  /// -1 after the end, so that a token sorts before those that it starts.
  int byteAt(uint32_t id, size_t index) const {
    std::string_view piece = file.piece(id);
    return index < piece.size() ? static_cast<uint8_t>(piece[index]) : -1;
  }

  const TokenizerFile &file;
  std::array<bool, 256> starts{};
};

/// Encodes what lies between the special tokens of a text.
class TextEncoder {
public:
  TextEncoder(const TokenizerFile &file, std::vector<int32_t> &tokens)
      : file(file), tokens(tokens), merger(file),
        splitter(file, merger, tokens), scored(file),
        spacePrefix(file.header.flags & PICOLLM_TOKENIZER_SPACE_PREFIX),
        prefixIsDue(spacePrefix) {}

  /// `follower`: the special token after the text, or none.
  void encode(std::string_view text, uint32_t follower) {
    if (!file.isScored())
      return splitter.split(text);
    // A user-defined token is text, to which the space in front belongs.
    const bool isText = follower != PICOLLM_TOKENIZER_NO_TOKEN &&
                        file.kinds[follower] == PICOLLM_TOKEN_USER_DEFINED;
    if (!text.empty() || (isText && prefixIsDue))
      scored.encode(text, prefixIsDue, tokens);
    prefixIsDue = spacePrefix && !isText;
  }

private:
  const TokenizerFile &file;
  std::vector<int32_t> &tokens;
  PieceMerger merger;
  Splitter splitter;
  ScoredMerger scored;
  const bool spacePrefix;
  bool prefixIsDue;
};

} // namespace

std::string Tokenizer::open(const void *data, size_t size) {
  return file.open(data, size);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       bool parseSpecial) const {
  std::vector<TextSpan> plain;
  if (!parseSpecial && !text.empty())
    plain.push_back({0, text.size()});
  return encode(text, plain);
}

std::vector<int32_t>
Tokenizer::encode(std::string_view text,
                  const std::vector<TextSpan> &plain) const {
  std::vector<int32_t> tokens;
  TextEncoder encoder(file, tokens);
  SpecialFinder specials(file);
  auto span = plain.begin();
  size_t unsplit = 0, position = 0;
  while (position < text.size()) {
    while (span != plain.end() && span->end <= position)
      ++span;
    size_t room = text.size() - position;
    if (span != plain.end())
      room = span->begin > position ? span->begin - position : 0;
    uint32_t token = specials.find(text.substr(position), room);
    // A damaged file can name a token that has no bytes.
    size_t length =
        token == PICOLLM_TOKENIZER_NO_TOKEN ? 0 : file.piece(token).size();
    if (!length || length > text.size() - position) {
      ++position;
      continue;
    }
    encoder.encode(text.substr(unsplit, position - unsplit), token);
    tokens.push_back(static_cast<int32_t>(token));
    position += length;
    unsplit = position;
  }
  encoder.encode(text.substr(unsplit), PICOLLM_TOKENIZER_NO_TOKEN);
  return tokens;
}

std::string_view Tokenizer::piece(int32_t token) const {
  if (token < 0 || static_cast<uint32_t>(token) >= file.header.vocabulary)
    return {};
  return file.piece(static_cast<uint32_t>(token));
}

std::string Tokenizer::decode(const std::vector<int32_t> &tokens,
                              bool showSpecial) const {
  std::string text;
  for (int32_t token : tokens)
    if (showSpecial || !isControl(token))
      text += piece(token);
  return text;
}

bool Tokenizer::isEnd(int32_t token) const {
  return token >= 0 &&
         std::find(file.endTokens.begin(), file.endTokens.end(),
                   static_cast<uint32_t>(token)) != file.endTokens.end();
}

bool Tokenizer::isControl(int32_t token) const {
  if (token < 0 || static_cast<uint32_t>(token) >= file.header.vocabulary)
    return false;
  uint8_t kind = file.kinds[static_cast<uint32_t>(token)];
  return kind == PICOLLM_TOKEN_CONTROL || kind == PICOLLM_TOKEN_UNKNOWN;
}
