//===- HuggingFaceSplitter.cpp - pre-tokenisers as patterns ---------------===//
//
// What each kind does: tokenizers/src/pre_tokenizers of the library
// `tokenizers`.
//
//===----------------------------------------------------------------------===//

#include "HuggingFaceSplitter.h"
#include "picollm/Import/TokenizerData.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;
using llvm::StringRef;
using llvm::Twine;

namespace {

class SplitterReader {
public:
  explicit SplitterReader(JsonReader &file) : file(file) {}

  std::vector<std::string> read();

private:
  void readOne(JsonReader entry);
  void readByteLevel(JsonReader &entry);
  void readSplit(JsonReader &entry);
  void readPunctuation(JsonReader &entry);

  JsonReader &file;
  std::vector<std::string> patterns;
  bool sawByteLevel = false;
};

} // namespace

/// A pattern that matches just `text`.
static std::string escape(StringRef text) {
  std::string pattern;
  for (char c : text) {
    if (llvm::isPunct(c))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void SplitterReader::readByteLevel(JsonReader &entry) {
  sawByteLevel = true;
  if (entry.boolean("add_prefix_space").value_or(true))
    file.fail("the pre-tokeniser puts a space before each text "
              "('add_prefix_space'), which is not supported");
  if (entry.boolean("use_regex").value_or(true))
    patterns.push_back(gpt2Splitter);
}

void SplitterReader::readSplit(JsonReader &entry) {
  JsonReader pattern = entry.object("pattern");
  std::optional<std::string> regex = pattern.string("Regex"),
                             text = pattern.string("String");
  bool inverted = entry.boolean("invert").value_or(false);
  std::string behavior = entry.string("behavior").value_or("");
  // Of a text that is cut at both ends of every match, it does not matter what
  // counts as match.
  if (behavior != "Isolated")
    return file.fail("the pre-tokeniser 'Split' with the behavior " +
                     quote(behavior) + (inverted ? ", inverted," : "") +
                     " is not supported; supported: Isolated");
  if (!regex && (!text || text->empty()))
    return file.fail("the pre-tokeniser 'Split' has no pattern");
  patterns.push_back(regex ? *regex : escape(*text));
}

void SplitterReader::readPunctuation(JsonReader &entry) {
  std::string behavior = entry.string("behavior").value_or("Isolated");
  std::string one = R"([\p{P}\$\+<=>\^`\|~])"; // and what ASCII adds to \p{P}
  if (behavior == "Isolated")
    patterns.push_back(one);
  else if (behavior == "Contiguous")
    patterns.push_back(one + "+");
  else
    file.fail("the pre-tokeniser 'Punctuation' with the behavior " +
              quote(behavior) +
              " is not supported; supported: Isolated, Contiguous");
}

void SplitterReader::readOne(JsonReader entry) {
  std::string type = entry.string("type").value_or("");
  if (type == "Sequence") {
    // Sequences may hold sequences; the depth of a file's JSON is limited.
    if (const Json *list = entry.array("pretokenizers"))
      for (const Json &part : *list)
        readOne(entry.element(part, "pretokenizers"));
    return;
  }
  const size_t most = 16; // each is a level of recursion at run time
  if (patterns.size() == most)
    return file.fail("the pre-tokeniser has more than " + Twine(most) +
                     " steps");
  if (sawByteLevel)
    return file.fail("the pre-tokeniser has a step " + quote(type) +
                     " after 'ByteLevel', which is not supported");
  if (type == "ByteLevel")
    return readByteLevel(entry);
  if (type == "Split")
    return readSplit(entry);
  if (type == "Digits")
    return patterns.push_back(entry.boolean("individual_digits").value_or(false)
                                  ? R"(\p{N})"
                                  : R"(\p{N}+)");
  if (type == "Punctuation")
    return readPunctuation(entry);
  file.fail("the pre-tokeniser " + quote(type) +
            " is not supported; supported: ByteLevel, Split, Digits, "
            "Punctuation and sequences of them");
}

std::vector<std::string> SplitterReader::read() {
  if (file.has("pre_tokenizer"))
    readOne(file.object("pre_tokenizer"));
  if (!sawByteLevel)
    file.fail("the pre-tokeniser has no step 'ByteLevel'; only byte-level BPE "
              "is supported");
  return std::move(patterns);
}

std::vector<std::string> picollm::readSplitters(JsonReader &reader) {
  return SplitterReader(reader).read();
}
