//===- Regex.cpp - patterns of pre-tokenisers -----------------------------===//

#include "Regex.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/StringExtras.h"
#include <map>
#include <mutex>
#include <optional>
#include <unicode/unistr.h>

using namespace picollm;

/// The characters that have a property; nothing where ICU does not know it.
static std::optional<icu::UnicodeSet> findProperty(llvm::StringRef name) {
  // ICU takes a millisecond to collect one, and a pattern names some again and
  // again. Properties have endless spellings, of which a few are kept.
  static std::mutex mutex;
  static std::map<std::string, icu::UnicodeSet, std::less<>> known;
  constexpr size_t mostKnown = 64;
  std::lock_guard<std::mutex> lock(mutex);
  if (auto entry = known.find(std::string_view(name)); entry != known.end())
    return entry->second;
  std::string description = ("[:" + name + ":]").str();
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeSet set(icu::UnicodeString::fromUTF8(description), status);
  if (U_FAILURE(status))
    return std::nullopt;
  if (known.size() < mostKnown)
    known.emplace(name.str(), set);
  return set;
}

namespace {

using NodePtr = std::unique_ptr<RegexNode>;

/// Recursive descent over the code points of the pattern.
class Parser {
public:
  explicit Parser(llvm::StringRef pattern)
      : pattern(pattern), text(icu::UnicodeString::fromUTF8(icu::StringPiece(
                              pattern.data(), int32_t(pattern.size())))) {}

  llvm::Expected<NodePtr> parse() {
    if (pattern.size() > maxBytes)
      return llvm::createStringError(
          "a pattern of the pre-tokeniser has " + llvm::Twine(pattern.size()) +
          " bytes, expected at most " + llvm::Twine(maxBytes));
    auto node = parseAlternation();
    if (node && !atEnd())
      return fail("has a ')' too many");
    return node;
  }

private:
  // Far above any model's; bounds the number of different sets.
  static constexpr size_t maxBytes = 8192;

  llvm::Error fail(const llvm::Twine &what) const {
    return llvm::createStringError("the pattern " + quote(pattern) + " " +
                                   what + " at character " +
                                   llvm::Twine(position + 1));
  }

  bool atEnd() const { return position >= text.length(); }
  UChar32 peek() const { return atEnd() ? -1 : text.char32At(position); }
  UChar32 take() {
    UChar32 character = peek();
    position = text.moveIndex32(position, 1);
    return character;
  }
  bool takeIf(const char *expected) {
    icu::UnicodeString prefix(expected, -1, US_INV);
    if (text.compare(position, prefix.length(), prefix) != 0)
      return false;
    position += prefix.length();
    return true;
  }

  static NodePtr makeNode(RegexNode::Kind kind) {
    auto node = std::make_unique<RegexNode>();
    node->kind = kind;
    return node;
  }

  NodePtr makeSet(icu::UnicodeSet set) const {
    if (ignoreCase) {
      // ICU looks at every member; most have no case.
      icu::UnicodeSet cased = set;
      cased.retainAll(*findProperty("Case_Sensitive"));
      cased.closeOver(USET_CASE_INSENSITIVE);
      cased.removeAllStrings();
      set.addAll(cased);
    }
    NodePtr node = makeNode(RegexNode::Kind::Set);
    node->set = std::move(set);
    return node;
  }

  llvm::Expected<NodePtr> parseAlternation() {
    NodePtr alternation = makeNode(RegexNode::Kind::Alternation);
    do {
      auto sequence = parseSequence();
      if (!sequence)
        return sequence;
      alternation->children.push_back(std::move(*sequence));
    } while (takeIf("|"));
    return std::move(alternation);
  }

  llvm::Expected<NodePtr> parseSequence() {
    NodePtr sequence = makeNode(RegexNode::Kind::Sequence);
    while (!atEnd() && peek() != '|' && peek() != ')') {
      auto atom = parseAtom();
      if (!atom)
        return atom;
      auto repeated = parseQuantifier(std::move(*atom));
      if (!repeated)
        return repeated;
      sequence->children.push_back(std::move(*repeated));
    }
    return std::move(sequence);
  }

  llvm::Expected<NodePtr> parseQuantifier(NodePtr atom) {
    unsigned min = 0, max = RegexNode::unlimited;
    if (takeIf("+")) {
      min = 1;
    } else if (takeIf("?")) {
      max = 1;
    } else if (takeIf("{")) {
      auto low = parseNumber();
      if (!low)
        return low.takeError();
      min = max = *low;
      if (takeIf(",")) {
        auto high = parseNumber();
        if (!high)
          return high.takeError();
        max = *high;
      }
      if (!takeIf("}") || max < min)
        return fail("has a wrong repetition");
    } else if (!takeIf("*")) {
      return std::move(atom);
    }
    if (peek() == '+' || peek() == '?' || peek() == '*' || peek() == '{')
      return fail("has a lazy, possessive or double repetition, which is not "
                  "supported,");
    NodePtr repeat = makeNode(RegexNode::Kind::Repeat);
    repeat->min = min;
    repeat->max = max;
    repeat->children.push_back(std::move(atom));
    return std::move(repeat);
  }

  llvm::Expected<unsigned> parseNumber() {
    unsigned value = 0;
    bool any = false;
    while (peek() >= '0' && peek() <= '9' && value < 100) {
      value = value * 10 + unsigned(take() - '0');
      any = true;
    }
    if (!any)
      return fail("lacks a number of repetitions");
    return value;
  }

  llvm::Expected<NodePtr> parseAtom() {
    if (takeIf("(?!"))
      return parseLookahead(RegexNode::Kind::NoLookahead);
    if (takeIf("(?="))
      return parseLookahead(RegexNode::Kind::Lookahead);
    if (takeIf("(?i:"))
      return parseGroup(/*caseless=*/true);
    if (takeIf("(?:"))
      return parseGroup(ignoreCase);
    if (takeIf("(?"))
      return fail("has a kind of group that is not supported");
    if (takeIf("("))
      return parseGroup(ignoreCase);
    auto set = parseSet();
    if (!set)
      return set.takeError();
    return makeSet(std::move(*set));
  }

  llvm::Expected<NodePtr> parseGroup(bool caseless) {
    const unsigned deepest = 64; // each is some calls on the stack
    if (depth == deepest)
      return fail("nests groups more than " + llvm::Twine(deepest) + " deep");
    bool outer = ignoreCase;
    ignoreCase = caseless;
    ++depth;
    auto node = parseAlternation();
    --depth;
    ignoreCase = outer;
    if (node && !takeIf(")"))
      return fail("lacks a ')'");
    return node;
  }

  llvm::Expected<NodePtr> parseLookahead(RegexNode::Kind kind) {
    auto set = parseSet();
    if (!set)
      return set.takeError();
    if (!takeIf(")"))
      return fail("looks ahead at more than one character, which is not "
                  "supported,");
    NodePtr node = makeSet(std::move(*set));
    node->kind = kind;
    return std::move(node);
  }

  /// One character, or what stands for one.
  llvm::Expected<icu::UnicodeSet> parseSet() {
    if (takeIf("["))
      return parseBrackets();
    if (takeIf("\\"))
      return parseEscape();
    UChar32 character = peek();
    if (character < 0 ||
        (character < 0x80 &&
         llvm::StringRef(".^$*+?{}()|").contains(static_cast<char>(character))))
      return fail("has something that is not supported");
    take();
    return icu::UnicodeSet(character, character);
  }

  llvm::Expected<icu::UnicodeSet> parseBrackets() {
    icu::UnicodeSet set;
    bool negated = takeIf("^");
    while (!takeIf("]")) {
      if (atEnd())
        return fail("lacks a ']'");
      if (takeIf("\\")) {
        auto escaped = parseEscape();
        if (!escaped)
          return escaped;
        set.addAll(*escaped);
        if (escaped->size() != 1 || peek() != '-')
          continue;
        return fail("has a range that starts with an escape, which is not "
                    "supported,");
      }
      UChar32 first = take(), last = first;
      if (peek() == '-' && text.char32At(position + 1) != ']') {
        take();
        last = take();
        if (last < first || last == '\\')
          return fail("has a wrong range of characters");
      }
      set.add(first, last);
    }
    if (negated)
      set.complement();
    return set;
  }

  llvm::Expected<icu::UnicodeSet> parseEscape() {
    UChar32 character = take();
    switch (character) {
    case 'n':
      return icu::UnicodeSet('\n', '\n');
    case 'r':
      return icu::UnicodeSet('\r', '\r');
    case 't':
      return icu::UnicodeSet('\t', '\t');
    case 's':
      return property("White_Space", false);
    case 'S':
      return property("White_Space", true);
    case 'p':
    case 'P': {
      if (!takeIf("{"))
        return fail("lacks a '{' after \\p");
      std::string name;
      while (!atEnd() && peek() != '}' && peek() < 0x80)
        name += static_cast<char>(take());
      if (!takeIf("}"))
        return fail("lacks a '}' after \\p{");
      return property(name, character == 'P');
    }
    default:
      if (character < 0 || character >= 0x80 ||
          llvm::isAlnum(static_cast<char>(character)))
        return fail("has an escape that is not supported");
      return icu::UnicodeSet(character, character);
    }
  }

  llvm::Expected<icu::UnicodeSet> property(llvm::StringRef name,
                                           bool negated) const {
    std::optional<icu::UnicodeSet> set = findProperty(name);
    if (!set)
      return fail("has an unknown property " + quote(name));
    if (negated)
      set->complement();
    return *set;
  }

  llvm::StringRef pattern;
  icu::UnicodeString text;
  int32_t position = 0;
  bool ignoreCase = false;
  unsigned depth = 0; ///< of groups
};

} // namespace

llvm::Expected<std::unique_ptr<RegexNode>>
picollm::parseRegex(llvm::StringRef pattern) {
  return Parser(pattern).parse();
}
