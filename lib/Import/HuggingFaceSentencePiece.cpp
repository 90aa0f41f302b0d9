//===- HuggingFaceSentencePiece.cpp - its BPE in a tokenizer.json ---------===//
//
// The library `tokenizers` has SentencePiece's BPE as a list of merges: every
// split of every token into two others, by falling score (transformers,
// convert_slow_tokenizer.py). What SentencePiece does to spaces is in steps
// before and after.
//
//===----------------------------------------------------------------------===//

#include "HuggingFaceSentencePiece.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace picollm;
using llvm::StringRef;
using llvm::Twine;

static const char visibleSpace[] = "\xE2\x96\x81"; // U+2581

bool picollm::isSentencePiece(JsonReader &tokenizer) {
  return tokenizer.object("model").boolean("byte_fallback").value_or(false);
}

/// The steps of a part in order, sequences taken apart; `listKey` is where a
/// sequence has its own.
static std::vector<const Json *> stepsOf(const Json *part, StringRef listKey) {
  if (!part)
    return {};
  const Json *list = findMember(part, listKey);
  if (!list || !list->is_array())
    return {part};
  std::vector<const Json *> steps;
  for (const Json &element : *list)
    llvm::append_range(steps, stepsOf(&element, listKey));
  return steps;
}

static bool has(const Json *step, StringRef key, const Json &value) {
  const Json *member = findMember(step, key);
  return member && *member == value;
}

static bool isReplace(const Json *step, const char *from, const char *to) {
  return has(step, "type", "Replace") && has(step, "content", to) &&
         has(step, "pattern", Json{{"String", from}});
}

static std::string typeOf(const Json *step) {
  const Json *type = findMember(step, "type");
  const auto *name = type ? type->get_ptr<const std::string *>() : nullptr;
  return name ? *name : "without a type";
}

namespace {
/// What the steps do to spaces.
struct Spaces {
  bool areVisible = false; ///< spelled U+2581
  bool prefix = false;
};
} // namespace

/// Metaspace: both at once. Splitting at spaces would keep merges from crossing
/// them, and a space before the first part only is no form of GGUF.
static bool readMetaspace(const Json *step, Spaces &spaces) {
  if (!has(step, "replacement", visibleSpace) || !has(step, "split", false))
    return false;
  spaces.areVisible = true;
  spaces.prefix = has(step, "prepend_scheme", "always");
  return spaces.prefix || has(step, "prepend_scheme", "never");
}

bool picollm::readSpacePrefix(JsonReader &tokenizer) {
  Spaces spaces;
  for (const Json *step : stepsOf(tokenizer.find("normalizer"), "normalizers"))
    if (isReplace(step, " ", visibleSpace))
      spaces.areVisible = true;
    else if (has(step, "type", "Prepend") && has(step, "prepend", visibleSpace))
      spaces.prefix = true;
    else
      tokenizer.fail("the normaliser " + quote(typeOf(step)) +
                     " does something that is not supported for a BPE of "
                     "SentencePiece; expected spaces replaced by U+2581, or "
                     "one put before a text");
  for (const Json *step :
       stepsOf(tokenizer.find("pre_tokenizer"), "pretokenizers")) {
    // No spaces are left to split at.
    bool isIdle = spaces.areVisible && has(step, "type", "Split") &&
                  has(step, "pattern", Json{{"String", " "}});
    if (!isIdle &&
        !(has(step, "type", "Metaspace") && readMetaspace(step, spaces)))
      tokenizer.fail("the pre-tokeniser " + quote(typeOf(step)) +
                     " does something that is not supported for a BPE of "
                     "SentencePiece; expected none, or 'Metaspace' without "
                     "'split' and with the 'prepend_scheme' always or never");
  }
  for (const Json *step : stepsOf(tokenizer.find("decoder"), "decoders"))
    if (!llvm::is_contained(
            {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"},
            typeOf(step)))
      tokenizer.fail("the decoder " + quote(typeOf(step)) +
                     " is not supported for a BPE of SentencePiece");
  if (!spaces.areVisible)
    tokenizer.fail("the tokenizer is a BPE of SentencePiece that does not "
                   "spell spaces as U+2581, which is not supported");
  return spaces.prefix;
}

void picollm::scoreByMerges(JsonReader &tokenizer, TokenizerData &data) {
  const size_t most = 1 << 24; // counted exactly by a float
  if (data.merges.size() >= most)
    return tokenizer.fail("the tokenizer has " + Twine(data.merges.size()) +
                          " merges, expected less than " + Twine(most));
  llvm::StringMap<uint32_t> ids;
  for (auto [id, token] : llvm::enumerate(data.tokens)) {
    ids.try_emplace(token, uint32_t(id));
    StringRef name(token);
    if (data.types[id] == TokenType::Normal && name.size() == 6 &&
        name.starts_with("<0x") && name.ends_with(">"))
      data.types[id] = TokenType::Byte;
  }
  data.scores.assign(data.tokens.size(), -float(data.merges.size()));
  for (auto [rank, merge] : llvm::enumerate(data.merges)) {
    auto made = ids.find(merge.first + merge.second);
    if (made == ids.end())
      return tokenizer.fail("merge " + Twine(rank) + " makes " +
                            quote(merge.first + merge.second) +
                            ", which is not in the vocabulary");
    float &score = data.scores[made->second];
    score = std::max(score, -float(rank));
  }
  data.merges.clear();
}
