//===- HuggingFaceTokenizer.cpp - the tokenizer of a folder ---------------===//
//
// tokenizer.json is what the library `tokenizers` saves; the files beside it
// name the special tokens and hold the template of dialogs.
//
//===----------------------------------------------------------------------===//

#include "HuggingFaceSentencePiece.h"
#include "HuggingFaceSplitter.h"
#include "TurnEnds.h"
#include "picollm/Import/HuggingFace.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace picollm;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

/// The files as JSON; null where there is none.
struct Files {
  Json tokenizer, tokenizerConfig, config, generationConfig;
};

class TokenizerReader {
public:
  TokenizerReader(const HuggingFaceTexts &texts, const Files &files,
                  int64_t vocabulary);

  Expected<TokenizerData> read(StringRef chatTemplate);

private:
  void refuseUnsupported();
  void refuseOtherSteps();
  void readTokens();
  void readAddedTokens();
  void readMerges();
  void readPostProcessor(JsonReader processor);
  void readTemplate(JsonReader &processor);
  void readSpecialTokens();
  void readEnds();
  void readChatTemplate(StringRef chatTemplate);

  /// A token that is given by its text, in tokenizer_config.json.
  std::optional<uint32_t> findSpecial(StringRef key, bool required);
  /// A token that is given by its number.
  std::optional<uint32_t> checkId(JsonReader &from, StringRef key,
                                  const Json &value);
  bool addToken(const std::string &text, const Json &id, TokenType type);

  std::string error;
  JsonReader file, tokenizerConfig, config, generationConfig;
  size_t vocabulary;
  TokenizerData data;
  llvm::StringMap<uint32_t> ids;
};

} // namespace

TokenizerReader::TokenizerReader(const HuggingFaceTexts &texts,
                                 const Files &files, int64_t vocabulary)
    : file(&files.tokenizer, (texts.folder + "/tokenizer.json").str(), error),
      tokenizerConfig(files.tokenizerConfig.is_null() ? nullptr
                                                      : &files.tokenizerConfig,
                      (texts.folder + "/tokenizer_config.json").str(), error),
      config(files.config.is_null() ? nullptr : &files.config,
             (texts.folder + "/config.json").str(), error),
      generationConfig(
          files.generationConfig.is_null() ? nullptr : &files.generationConfig,
          (texts.folder + "/generation_config.json").str(), error),
      vocabulary(size_t(vocabulary)) {}

//===----------------------------------------------------------------------===//
// What kind of tokenizer it is
//===----------------------------------------------------------------------===//

/// The type of a step, or of the first in a sequence that `isKnown` does not
/// hold for; empty: all are known.
static std::string
findUnknownStep(const Json *value, StringRef listKey,
                llvm::function_ref<bool(StringRef)> isKnown) {
  if (!value)
    return "";
  const Json *type = findMember(value, "type");
  const auto *name = type ? type->get_ptr<const std::string *>() : nullptr;
  if (!name)
    return "without a type";
  if (*name != "Sequence")
    return isKnown(*name) ? "" : *name;
  const Json *list = findMember(value, listKey);
  if (list && list->is_array())
    for (const Json &part : *list)
      if (std::string step = findUnknownStep(&part, listKey, isKnown);
          !step.empty())
        return step;
  return "";
}

void TokenizerReader::refuseUnsupported() {
  JsonReader model = file.object("model");
  // Old files leave out the type of a BPE.
  std::string type =
      model.string("type").value_or(model.has("merges") ? "BPE" : "unnamed");
  if (type != "BPE")
    file.fail("the tokenizer is of the kind " + quote(type) +
              "; only BPE is supported");
  for (StringRef key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model.string(key).value_or("").empty())
      file.fail("the tokenizer marks parts of words (" + quote(key) +
                "), which is not supported");
  if (model.number("dropout").value_or(0) != 0)
    file.fail("the tokenizer leaves out merges at random ('dropout'), which is "
              "not supported");
}

/// Steps around the merges of a byte-level BPE; its splitters are read apart.
void TokenizerReader::refuseOtherSteps() {
  std::string step = findUnknownStep(file.find("normalizer"), "normalizers",
                                     [](StringRef s) { return s == "NFC"; });
  if (!step.empty())
    file.fail("the normaliser " + quote(step) +
              " is not supported; only byte-level BPE without one, or with "
              "NFC, is");
  step = findUnknownStep(file.find("decoder"), "decoders",
                         [](StringRef s) { return s == "ByteLevel"; });
  if (!step.empty())
    file.fail("the decoder " + quote(step) +
              " is not supported; only byte-level BPE is");
}

//===----------------------------------------------------------------------===//
// Tokens and merges
//===----------------------------------------------------------------------===//

bool TokenizerReader::addToken(const std::string &text, const Json &id,
                               TokenType type) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocabulary) {
    file.fail("token " + quote(text) +
              " has no number below the size of the vocabulary, " +
              Twine(vocabulary) + " ('vocab_size' of config.json)");
    return false;
  }
  uint32_t number = id.get<uint32_t>();
  auto [entry, isNew] = ids.try_emplace(text, number);
  bool isFree = data.types[number] == TokenType::Unused;
  // An added token may be in the vocabulary too.
  if (isNew ? !isFree : entry->second != number) {
    file.fail("token " + quote(text) +
              " and another one contradict each "
              "other: a text has one number, and a number one text");
    return false;
  }
  data.tokens[number] = text;
  data.types[number] = type;
  return true;
}

void TokenizerReader::readTokens() {
  const size_t most = 1 << 24;
  if (vocabulary < 1 || vocabulary > most)
    return file.fail("a vocabulary of " + Twine(vocabulary) +
                     " tokens is not supported; expected 1 to " + Twine(most));
  const Json *vocab = findMember(file.find("model"), "vocab");
  if (!vocab || !vocab->is_object() || vocab->empty())
    return file.fail("'model.vocab' is missing, empty or no object");
  data.tokens.resize(vocabulary);
  data.types.assign(vocabulary, TokenType::Unused);
  for (const auto &[text, id] : vocab->get_ref<const Json::object_t &>())
    if (!addToken(text, id, TokenType::Normal))
      return;
  readAddedTokens();
  // Rows of the embedding for which there is no token, named as llama.cpp does.
  for (size_t id = 0; id < vocabulary && !file.failed(); ++id)
    if (data.types[id] == TokenType::Unused)
      data.tokens[id] = "[PAD" + std::to_string(id) + "]";
}

void TokenizerReader::readAddedTokens() {
  const Json *added = file.array("added_tokens");
  if (!added)
    return;
  for (const Json &entry : *added) {
    JsonReader token = file.element(entry, "added_tokens");
    std::string text = token.string("content").value_or("");
    const Json *id = token.find("id");
    if (text.empty() || !id)
      return file.fail("an added token has no content or no id");
    for (StringRef key : {"single_word", "lstrip", "rstrip"})
      if (token.boolean(key).value_or(false))
        return file.fail("the added token " + quote(text) + " has " +
                         quote(key) + ", which is not supported");
    bool isSpecial = token.boolean("special").value_or(false);
    if (!addToken(text, *id,
                  isSpecial ? TokenType::Control : TokenType::UserDefined))
      return;
  }
}

void TokenizerReader::readMerges() {
  const Json *merges = findMember(file.find("model"), "merges");
  if (!merges || !merges->is_array())
    return file.fail("'model.merges' is missing or no array");
  data.merges.reserve(merges->size());
  for (const Json &merge : *merges) {
    std::string left, right;
    if (const auto *text = merge.get_ptr<const std::string *>()) {
      auto [first, second] = StringRef(*text).split(' ');
      left = first.str();
      right = second.str();
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get_ref<const std::string &>();
      right = merge[1].get_ref<const std::string &>();
    }
    if (left.empty() || right.empty() || StringRef(right).contains(' '))
      return file.fail("merge " + Twine(data.merges.size()) +
                       " is neither two texts nor one with a space between "
                       "two parts");
    data.merges.emplace_back(std::move(left), std::move(right));
  }
}

//===----------------------------------------------------------------------===//
// Special tokens
//===----------------------------------------------------------------------===//

std::optional<uint32_t> TokenizerReader::findSpecial(StringRef key,
                                                     bool required) {
  const Json *value = tokenizerConfig.find(key);
  if (value && value->is_object())
    value = findMember(value, "content");
  if (!value)
    return std::nullopt;
  const auto *text = value->get_ptr<const std::string *>();
  if (!text) {
    tokenizerConfig.fail(quote(key) + " is " + describeType(*value) +
                         ", expected a token's text");
    return std::nullopt;
  }
  auto found = ids.find(*text);
  if (found != ids.end())
    return found->second;
  if (required)
    tokenizerConfig.fail(quote(key) + " is " + quote(*text) +
                         ", which is not in the vocabulary");
  return std::nullopt;
}

std::optional<uint32_t>
TokenizerReader::checkId(JsonReader &from, StringRef key, const Json &value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() < vocabulary)
    return value.get<uint32_t>();
  if (value.is_number_integer() && !value.is_number_unsigned())
    return std::nullopt; // -1: none
  from.fail(quote(key) + " must be numbers of tokens below " +
            Twine(vocabulary));
  return std::nullopt;
}

/// The tokens after which generation stops: a number or a list of them.
void TokenizerReader::readEnds() {
  const StringRef key = "eos_token_id";
  JsonReader &from = generationConfig.has(key) ? generationConfig : config;
  const Json *value = from.find(key);
  if (!value)
    return;
  std::vector<const Json *> list = {value};
  if (value->is_array()) {
    list.clear();
    for (const Json &element : *value)
      list.push_back(&element);
  }
  for (const Json *element : list)
    if (std::optional<uint32_t> id = checkId(from, key, *element))
      data.ends.push_back(*id);
}

void TokenizerReader::readSpecialTokens() {
  data.bos = findSpecial("bos_token", true);
  data.eos = findSpecial("eos_token", true);
  data.unknown = findSpecial("unk_token", false);
  data.padding = findSpecial("pad_token", false);
  readEnds();
  const Json *bos = config.find("bos_token_id");
  if (!data.bos && bos && !tokenizerConfig.has("bos_token"))
    data.bos = checkId(config, "bos_token_id", *bos);
  if (!data.eos && !data.ends.empty())
    data.eos = data.ends.front();
  if (file.failed())
    return;
  nameTurnEnds(data);
  if (file.has("post_processor"))
    readPostProcessor(file.object("post_processor"));
  if (std::optional<bool> add = tokenizerConfig.boolean("add_bos_token"))
    data.addBos = *add;
  if (std::optional<bool> add = tokenizerConfig.boolean("add_eos_token"))
    data.addEos = *add;
}

/// TemplateProcessing says what stands before and after a text.
void TokenizerReader::readTemplate(JsonReader &processor) {
  const Json *pieces = processor.array("single");
  JsonReader specials = processor.object("special_tokens");
  bool sawText = false;
  data.addBos = data.addEos = false;
  for (const Json &piece : pieces ? *pieces : Json::array()) {
    if (findMember(&piece, "Sequence")) {
      sawText = true;
      continue;
    }
    const Json *name = findMember(findMember(&piece, "SpecialToken"), "id");
    const auto *text = name ? name->get_ptr<const std::string *>() : nullptr;
    const Json *list = text ? findMember(specials.find(*text), "ids") : nullptr;
    if (!list || !list->is_array() || list->size() != 1)
      return file.fail("the template of a text ('post_processor') has a part "
                       "that is neither the text nor one special token");
    std::optional<uint32_t> id = checkId(file, "post_processor", list->front());
    std::optional<uint32_t> &wanted = sawText ? data.eos : data.bos;
    bool &isAdded = sawText ? *data.addEos : *data.addBos;
    if (!id || isAdded || (wanted && *wanted != *id))
      return file.fail("the template of a text ('post_processor') adds " +
                       quote(*text) +
                       ", which is not supported; only the bos "
                       "token before and the eos token after a text are");
    wanted = id;
    isAdded = true;
  }
}

void TokenizerReader::readPostProcessor(JsonReader processor) {
  std::string type = processor.string("type").value_or("");
  if (type == "Sequence") {
    if (const Json *list = processor.array("processors"))
      for (const Json &part : *list)
        readPostProcessor(processor.element(part, "processors"));
  } else if (type == "TemplateProcessing") {
    readTemplate(processor);
  } else if (type != "ByteLevel") { // that one moves offsets, not tokens
    file.fail("the post-processor " + quote(type) +
              " is not supported; supported: TemplateProcessing, ByteLevel");
  }
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// The file chat_template.jinja comes before the entry of
/// tokenizer_config.json, which may be a list of named ones.
void TokenizerReader::readChatTemplate(StringRef chatTemplate) {
  data.chatTemplate = chatTemplate.str();
  const Json *value = tokenizerConfig.find("chat_template");
  if (!data.chatTemplate.empty() || !value)
    return;
  if (!value->is_array()) {
    data.chatTemplate = tokenizerConfig.string("chat_template").value_or("");
    return;
  }
  for (const Json &entry : *value) {
    JsonReader named = tokenizerConfig.element(entry, "chat_template");
    if (named.string("name").value_or("") == "default")
      data.chatTemplate = named.string("template").value_or("");
  }
}

Expected<TokenizerData> TokenizerReader::read(StringRef chatTemplate) {
  const bool isScored = isSentencePiece(file);
  data.model = isScored ? "llama" : "gpt2";
  if (!file.failed())
    refuseUnsupported();
  if (!file.failed() && !isScored)
    refuseOtherSteps();
  if (!file.failed())
    readTokens();
  if (!file.failed())
    readMerges();
  if (!file.failed() && isScored) {
    data.addSpacePrefix = readSpacePrefix(file);
    scoreByMerges(file, data);
  } else if (!file.failed()) {
    data.splitters = readSplitters(file);
  }
  data.ignoreMerges =
      file.object("model").boolean("ignore_merges").value_or(false);
  if (isScored && *data.ignoreMerges)
    file.fail("'ignore_merges' is true, which is not supported for a BPE of "
              "SentencePiece");
  if (!file.failed())
    readSpecialTokens();
  if (isScored && !data.addBos)
    data.addBos = false; // unlike GGUF's, a silent file adds none
  if (!file.failed())
    readChatTemplate(chatTemplate);
  if (file.failed())
    return createStringError(Twine(error));
  return std::move(data);
}

Expected<TokenizerData>
picollm::readHuggingFaceTokenizer(const HuggingFaceTexts &texts,
                                  int64_t vocabulary) {
  Files files;
  const std::tuple<StringRef, StringRef, Json *> sources[] = {
      {"tokenizer.json", texts.tokenizer, &files.tokenizer},
      {"tokenizer_config.json", texts.tokenizerConfig, &files.tokenizerConfig},
      {"config.json", texts.config, &files.config},
      {"generation_config.json", texts.generationConfig,
       &files.generationConfig},
  };
  for (const auto &[name, text, json] : sources) {
    if (text.empty())
      continue;
    Expected<Json> parsed = parseJson(text, texts.folder + "/" + name + ":");
    if (!parsed)
      return parsed.takeError();
    *json = std::move(*parsed);
  }
  return TokenizerReader(texts, files, vocabulary).read(texts.chatTemplate);
}
