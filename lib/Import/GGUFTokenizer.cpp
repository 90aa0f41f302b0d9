//===- GGUFTokenizer.cpp - the tokenizer of a GGUF file -------------------===//

#include "GGUFTokenizer.h"
#include "TurnEnds.h"
#include "picollm/Import/GGUF.h"
#include "picollm/Support/Quote.h"

using namespace picollm;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

class TokenizerReader {
public:
  explicit TokenizerReader(const GGUFFile &file) : file(file) {}

  Expected<TokenizerData> read();

private:
  void readTokens();
  void readMerges();
  void readSpecialTokens();

  /// Null where the key is absent, or (an error) of another type.
  const GGUFValue *find(StringRef key, GGUFType type, bool isArray);
  std::string readString(StringRef key);
  std::optional<bool> readBool(StringRef key);
  std::optional<uint32_t> readToken(StringRef key);
  void fail(const Twine &message) {
    if (error.empty())
      error = (file.path() + ": " + message).str();
  }

  const GGUFFile &file;
  TokenizerData data;
  std::string error;
};

} // namespace

const GGUFValue *TokenizerReader::find(StringRef key, GGUFType type,
                                       bool isArray) {
  const GGUFValue *value = file.findValue(key);
  if (!value || (value->elementType == type && value->isArray == isArray))
    return value;
  // Converters have used several integer types for ids and token types.
  bool wantsInteger = type == GGUFType::UInt32;
  if (wantsInteger && value->isArray == isArray &&
      (value->count == 0 || value->getSigned()))
    return value;
  fail("metadata entry " + quote(key) + " is of type " + value->describeType() +
       ", expected " + (isArray ? "array of " : "") +
       (wantsInteger ? StringRef("integer") : getName(type)));
  return nullptr;
}

std::string TokenizerReader::readString(StringRef key) {
  const GGUFValue *value = find(key, GGUFType::String, false);
  return value ? value->getString()->str() : "";
}

std::optional<bool> TokenizerReader::readBool(StringRef key) {
  const GGUFValue *value = find(key, GGUFType::Bool, false);
  return value ? value->getBool() : std::nullopt;
}

std::optional<uint32_t> TokenizerReader::readToken(StringRef key) {
  const GGUFValue *value = find(key, GGUFType::UInt32, false);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> id = value->getSigned();
  if (!id || *id == -1 || *id == UINT32_MAX) // "none" of some converters
    return std::nullopt;
  if (*id >= 0 && *id < int64_t(data.tokens.size()))
    return uint32_t(*id);
  fail("metadata entry " + quote(key) + " is token " + Twine(*id) +
       ", but the vocabulary has " + Twine(data.tokens.size()) + " tokens");
  return std::nullopt;
}

void TokenizerReader::readTokens() {
  const GGUFValue *tokens =
      find("tokenizer.ggml.tokens", GGUFType::String, true);
  if (!tokens || tokens->count == 0)
    return fail("has a tokenizer, but no vocabulary: 'tokenizer.ggml.tokens' "
                "is missing or empty");
  data.tokens.reserve(tokens->count);
  for (uint64_t i = 0; i < tokens->count; ++i)
    data.tokens.push_back(tokens->getString(i)->str());

  data.types.assign(tokens->count, TokenType::Normal);
  if (const GGUFValue *types =
          find("tokenizer.ggml.token_type", GGUFType::UInt32, true)) {
    if (types->count != tokens->count)
      return fail("has " + Twine(types->count) + " token types for " +
                  Twine(tokens->count) + " tokens");
    for (uint64_t i = 0; i < types->count; ++i) {
      std::optional<int64_t> type = types->getSigned(i);
      if (!type || *type < 0 || *type > int64_t(TokenType::Byte))
        return fail("token " + Twine(i) +
                    " has an unknown type; expected 0 to 6");
      if (*type != 0) // 0: undefined
        data.types[i] = TokenType(*type);
    }
  }
  if (const GGUFValue *scores =
          find("tokenizer.ggml.scores", GGUFType::Float32, true)) {
    if (scores->count != tokens->count)
      return fail("has " + Twine(scores->count) + " token scores for " +
                  Twine(tokens->count) + " tokens");
    for (uint64_t i = 0; i < scores->count; ++i)
      data.scores.push_back(float(*scores->getDouble(i)));
  }
}

void TokenizerReader::readMerges() {
  const GGUFValue *merges =
      find("tokenizer.ggml.merges", GGUFType::String, true);
  if (!merges)
    return;
  data.merges.reserve(merges->count);
  for (uint64_t i = 0; i < merges->count; ++i) {
    StringRef merge = *merges->getString(i);
    size_t space = merge.find(' ', 1); // the left half may be a space
    if (space == StringRef::npos || space + 1 == merge.size())
      return fail("merge " + Twine(i) + " of the tokenizer is " + quote(merge) +
                  ", expected two parts with a space between them");
    data.merges.emplace_back(merge.take_front(space).str(),
                             merge.drop_front(space + 1).str());
  }
}

void TokenizerReader::readSpecialTokens() {
  data.bos = readToken("tokenizer.ggml.bos_token_id");
  data.eos = readToken("tokenizer.ggml.eos_token_id");
  data.eot = readToken("tokenizer.ggml.eot_token_id");
  data.eom = readToken("tokenizer.ggml.eom_token_id");
  data.unknown = readToken("tokenizer.ggml.unknown_token_id");
  data.padding = readToken("tokenizer.ggml.padding_token_id");
  nameTurnEnds(data);
  data.addBos = readBool("tokenizer.ggml.add_bos_token");
  data.addEos = readBool("tokenizer.ggml.add_eos_token");
  data.addSpacePrefix = readBool("tokenizer.ggml.add_space_prefix");
}

Expected<TokenizerData> TokenizerReader::read() {
  if (!file.findValue("tokenizer.ggml.model"))
    return data;
  data.model = readString("tokenizer.ggml.model");
  data.preTokenizer = readString("tokenizer.ggml.pre");
  if (data.preTokenizer.empty())
    data.preTokenizer = "default";
  readTokens();
  if (error.empty())
    readMerges();
  if (error.empty())
    readSpecialTokens();
  data.chatTemplate = readString("tokenizer.chat_template");
  if (error.empty())
    return std::move(data);
  return llvm::createStringError(Twine(error));
}

Expected<TokenizerData> picollm::readGGUFTokenizer(const GGUFFile &file) {
  return TokenizerReader(file).read();
}
