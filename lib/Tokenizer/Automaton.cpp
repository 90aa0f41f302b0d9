//===- Automaton.cpp - patterns as tables of states -----------------------===//
//
// A pattern becomes a nondeterministic automaton whose choices have an order
// (Thompson, "Regular expression search algorithm", 1968). A state of the
// deterministic automaton is the ordered list of the states in which a
// backtracking matcher could be, most wanted first; everything behind a match
// is dropped, for the matcher would not try it (Cox, "Regular Expression
// Matching: the Virtual Machine Approach", 2009). Choices are followed when the
// next symbol is known, which makes lookahead of one symbol a plain condition.
//
//===----------------------------------------------------------------------===//

#include "Automaton.h"
#include "Regex.h"
#include <map>

using namespace picollm;

namespace {

struct NfaState {
  enum class Kind { Match, Consume, Choice, Lookahead, NoLookahead };

  Kind kind;
  unsigned next = 0;  ///< Choice: tried first
  unsigned other = 0; ///< Choice: tried second
  unsigned set = 0;   ///< index of the set of a symbol
};

class Nfa {
public:
  /// Patterns come from files, and repetitions in repetitions multiply. Real
  /// ones have some hundred parts; past the limit building stops.
  static constexpr size_t maxParts = 1024;

  /// `sets` gains the sets of the pattern; they belong to `root`.
  Nfa(const RegexNode &root, std::vector<const icu::UnicodeSet *> &sets)
      : sets(sets) {
    start = build(root, add({NfaState::Kind::Match}));
  }

  std::vector<NfaState> states;
  unsigned start;

  bool isTooLarge() const { return parts > maxParts; }

private:
  unsigned add(NfaState state) {
    states.push_back(state);
    return unsigned(states.size() - 1);
  }

  unsigned numberOf(const icu::UnicodeSet &set) {
    for (size_t i = 0; i < sets.size(); ++i)
      if (*sets[i] == set)
        return unsigned(i);
    sets.push_back(&set);
    return unsigned(sets.size() - 1);
  }

  /// The state from which `node` leads to the state `next`.
  unsigned build(const RegexNode &node, unsigned next) {
    ++parts;
    if (isTooLarge())
      return next;
    switch (node.kind) {
    case RegexNode::Kind::Set:
      return add({NfaState::Kind::Consume, next, 0, numberOf(node.set)});
    case RegexNode::Kind::Lookahead:
      return add({NfaState::Kind::Lookahead, next, 0, numberOf(node.set)});
    case RegexNode::Kind::NoLookahead:
      return add({NfaState::Kind::NoLookahead, next, 0, numberOf(node.set)});
    case RegexNode::Kind::Sequence:
      for (size_t i = node.children.size(); i-- > 0;)
        next = build(*node.children[i], next);
      return next;
    case RegexNode::Kind::Alternation: {
      unsigned entry = build(*node.children.back(), next);
      for (size_t i = node.children.size() - 1; i-- > 0;)
        entry = add(
            {NfaState::Kind::Choice, build(*node.children[i], next), entry});
      return entry;
    }
    case RegexNode::Kind::Repeat:
      return buildRepeat(node, next);
    }
    llvm_unreachable("every kind is handled");
  }

  unsigned buildRepeat(const RegexNode &node, unsigned next) {
    const RegexNode &body = *node.children[0];
    unsigned entry = next;
    if (node.max == RegexNode::unlimited) {
      entry = add({NfaState::Kind::Choice, 0, next});
      unsigned loop = build(body, entry);
      states[entry].next = loop;
    } else {
      for (unsigned i = node.min; i < node.max; ++i)
        entry = add({NfaState::Kind::Choice, build(body, entry), next});
    }
    for (unsigned i = 0; i < node.min; ++i)
      entry = build(body, entry);
    return entry;
  }

  std::vector<const icu::UnicodeSet *> &sets;
  size_t parts = 0; ///< nodes built, those that are repeated each time
};

/// Makes the deterministic states of one pattern.
class Determiniser {
public:
  Determiniser(const Nfa &nfa, const CodePointClasses &classes)
      : nfa(nfa), classes(classes), visited(nfa.states.size()),
        added(nfa.states.size()) {}

  /// Appends the rows of all states to `transitions`; returns their number.
  llvm::Expected<uint32_t> run(std::vector<uint16_t> &transitions) {
    numberOf({});          // 0: stop
    numberOf({nfa.start}); // 1: start
    for (size_t row = 0; row < rows.size(); ++row) {
      if (work > maxWork)
        return llvm::createStringError(
            "a pattern of the pre-tokeniser is too complicated: its automaton "
            "takes more than " +
            llvm::Twine(maxWork) + " steps to build");
      const StateList from = rows[row]; // numberOf may move the rows
      for (unsigned column = 0; column <= classes.count; ++column)
        transitions.push_back(step(from, column));
      if (rows.size() > PICOLLM_TOKENIZER_ACCEPT)
        return llvm::createStringError(
            "a pattern of the pre-tokeniser needs more than 32768 states");
    }
    return uint32_t(rows.size());
  }

private:
  using StateList = std::vector<unsigned>;

  /// Bounds time and memory. The patterns of known models take some 100,000.
  static constexpr uint64_t maxWork = uint64_t(1) << 21;

  unsigned numberOf(const StateList &list) {
    auto [entry, isNew] = numbers.try_emplace(list, unsigned(rows.size()));
    if (isNew)
      rows.push_back(list);
    return entry->second;
  }

  bool isIn(unsigned set, unsigned column) const {
    return column < classes.count && classes.members[set].test(column);
  }

  uint16_t step(const StateList &from, unsigned column) {
    ++turn;
    work += nfa.states.size() / 64 + 1;
    to.clear();
    bool matched = false;
    for (unsigned state : from) {
      matched = follow(state, column);
      if (matched)
        break;
    }
    uint16_t next = column == classes.count ? 0 : uint16_t(numberOf(to));
    return next | (matched ? PICOLLM_TOKENIZER_ACCEPT : 0);
  }

  /// Collects in `to`, in their order, the states after the symbol `column`;
  /// returns whether a match came first.
  bool follow(unsigned number, unsigned column) {
    ++work;
    if (visited[number] == turn)
      return false;
    visited[number] = turn;
    const NfaState &state = nfa.states[number];
    switch (state.kind) {
    case NfaState::Kind::Match:
      return true;
    case NfaState::Kind::Consume:
      if (isIn(state.set, column) && added[state.next] != turn) {
        added[state.next] = turn;
        to.push_back(state.next);
      }
      return false;
    case NfaState::Kind::Choice:
      return follow(state.next, column) || follow(state.other, column);
    case NfaState::Kind::Lookahead:
      return isIn(state.set, column) && follow(state.next, column);
    case NfaState::Kind::NoLookahead:
      return !isIn(state.set, column) && follow(state.next, column);
    }
    llvm_unreachable("every kind is handled");
  }

  const Nfa &nfa;
  const CodePointClasses &classes;
  std::map<StateList, unsigned> numbers;
  std::vector<StateList> rows;
  StateList to;                         ///< of the step at hand
  uint64_t turn = 0;                    ///< number of the step at hand
  std::vector<uint64_t> visited, added; ///< [state]: the last turn that did so
  uint64_t work = 0;
};

} // namespace

llvm::Expected<SplitterTables>
picollm::compileSplitter(llvm::ArrayRef<llvm::StringRef> patterns) {
  std::vector<std::unique_ptr<RegexNode>> roots;
  std::vector<const icu::UnicodeSet *> sets;
  std::vector<Nfa> automata;
  if (patterns.size() > PICOLLM_TOKENIZER_MAX_STAGES)
    return llvm::createStringError("the pre-tokeniser has " +
                                   llvm::Twine(patterns.size()) +
                                   " patterns, expected at most " +
                                   llvm::Twine(PICOLLM_TOKENIZER_MAX_STAGES));
  for (llvm::StringRef pattern : patterns) {
    auto root = parseRegex(pattern);
    if (!root)
      return root.takeError();
    roots.push_back(std::move(*root));
    automata.emplace_back(*roots.back(), sets);
    if (automata.back().isTooLarge())
      return llvm::createStringError(
          "a pattern of the pre-tokeniser has more than " +
          llvm::Twine(Nfa::maxParts) + " parts, repetitions written out");
  }

  SplitterTables tables;
  auto classes = partitionCodePoints(sets);
  if (!classes)
    return classes.takeError();
  tables.classes = std::move(*classes);
  uint32_t firstState = 0;
  for (const Nfa &nfa : automata) {
    auto states = Determiniser(nfa, tables.classes).run(tables.transitions);
    if (!states)
      return states.takeError();
    tables.stages.push_back({firstState, *states});
    firstState += *states;
  }
  return tables;
}
