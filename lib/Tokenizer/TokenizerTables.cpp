//===- TokenizerTables.cpp - vocabulary and merges as tables --------------===//

#include "TokenizerTables.h"
#include "ScoredTables.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <unicode/utf8.h>

using namespace picollm;

namespace {

/// The character that spells a byte in the vocabulary (GPT-2, encoder.py,
/// bytes_to_unicode): printable Latin-1 is itself, the others follow U+0100.
std::array<uint16_t, 256> makeByteAlphabet() {
  std::array<uint16_t, 256> alphabet;
  uint16_t unprintable = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= 0x21 && byte <= 0x7E) || byte >= 0xAE ||
                     (byte >= 0xA1 && byte <= 0xAC);
    alphabet[byte] = printable ? uint16_t(byte) : uint16_t(256 + unprintable++);
  }
  return alphabet;
}

std::string toUtf8(uint16_t character) {
  std::string bytes;
  if (character < 0x80)
    return {static_cast<char>(character)};
  return {static_cast<char>(0xC0 | character >> 6),
          static_cast<char>(0x80 | (character & 0x3F))};
}

/// The bytes that a spelling stands for; what is not in the alphabet stands
/// for itself.
class SpellingDecoder {
public:
  SpellingDecoder() {
    std::array<uint16_t, 256> alphabet = makeByteAlphabet();
    byteOf.fill(-1);
    for (unsigned byte = 0; byte < 256; ++byte)
      byteOf[alphabet[byte]] = int(byte);
  }

  std::string decode(llvm::StringRef spelling) const {
    std::string bytes;
    int32_t position = 0, size = int32_t(spelling.size());
    while (position < size) {
      int32_t begin = position;
      UChar32 character;
      U8_NEXT(spelling.data(), position, size, character);
      if (character >= 0 && character < int32_t(byteOf.size()) &&
          byteOf[size_t(character)] >= 0)
        bytes += static_cast<char>(byteOf[size_t(character)]);
      else
        bytes += spelling.slice(size_t(begin), size_t(position));
    }
    return bytes;
  }

private:
  std::array<int, 256 + 68> byteOf; ///< 68 bytes are not printable
};

/// A control token stands for no text, a user-defined one for its own name.
bool isSpelledInBytes(TokenType type) {
  return type != TokenType::Control && type != TokenType::UserDefined &&
         type != TokenType::Unknown;
}

/// The slots of a hash table for `count` entries, at most three quarters full.
size_t countSlots(size_t count) {
  return size_t(llvm::NextPowerOf2(count * 4 / 3 + 1));
}

using TokenIds = llvm::StringMap<uint32_t>;

llvm::Expected<std::vector<picollm_tokenizer_merge>>
makeMerges(const TokenizerData &data, const TokenIds &ids) {
  const uint32_t none = PICOLLM_TOKENIZER_NO_TOKEN;
  std::vector<picollm_tokenizer_merge> slots(
      countSlots(data.merges.size()),
      picollm_tokenizer_merge{none, none, none, none});
  for (auto [rank, merge] : llvm::enumerate(data.merges)) {
    auto left = ids.find(merge.first), right = ids.find(merge.second);
    auto result = ids.find(merge.first + merge.second);
    if (left == ids.end() || right == ids.end() || result == ids.end())
      return llvm::createStringError(
          "merge " + llvm::Twine(rank) + " ('" + merge.first + "' with '" +
          merge.second + "') needs a token that the vocabulary lacks");
    size_t mask = slots.size() - 1;
    size_t slot =
        picollm_tokenizer_merge_hash(left->second, right->second) & mask;
    // Of a merge that is listed twice, the first counts.
    bool isKnown = false;
    for (; slots[slot].left != none && !isKnown; slot = (slot + 1) & mask)
      isKnown = slots[slot].left == left->second &&
                slots[slot].right == right->second;
    if (!isKnown)
      slots[slot] = {left->second, right->second, uint32_t(rank),
                     result->second};
  }
  return slots;
}

std::vector<uint32_t> makeWords(const TokenizerData &data,
                                const std::vector<std::string> &pieces) {
  std::vector<uint32_t> slots(countSlots(pieces.size()),
                              PICOLLM_TOKENIZER_NO_TOKEN);
  for (auto [id, piece] : llvm::enumerate(pieces)) {
    if (data.types[id] != TokenType::Normal || piece.empty())
      continue;
    size_t slot = picollm_tokenizer_bytes_hash(piece.data(), piece.size());
    while (slots[slot &= slots.size() - 1] != PICOLLM_TOKENIZER_NO_TOKEN)
      ++slot;
    slots[slot] = uint32_t(id);
  }
  return slots;
}

std::vector<uint32_t> findSpecials(const TokenizerData &data,
                                   const std::vector<std::string> &pieces) {
  std::vector<uint32_t> specials;
  for (auto [id, piece] : llvm::enumerate(pieces))
    if (!isSpelledInBytes(data.types[id]) && !piece.empty())
      specials.push_back(uint32_t(id));
  llvm::sort(specials, [&](uint32_t a, uint32_t b) {
    return llvm::StringRef(pieces[a]) < llvm::StringRef(pieces[b]);
  });
  return specials;
}

/// The tokens that the file names as ends, and control tokens whose name says
/// so: files often name only one of them.
std::vector<uint32_t> findEndTokens(const TokenizerData &data) {
  static const llvm::StringSet<> endNames = {"<|im_end|>",
                                             "<|eot_id|>",
                                             "<|eom_id|>",
                                             "<|end|>",
                                             "<|end_of_text|>",
                                             "<|endoftext|>",
                                             "<end_of_turn>",
                                             "<|return|>",
                                             "<|END_OF_TURN_TOKEN|>",
                                             "<｜end▁of▁sentence｜>",
                                             "<end_of_utterance>"};
  std::vector<uint32_t> ends;
  for (std::optional<uint32_t> id : {data.eos, data.eot, data.eom})
    if (id && !llvm::is_contained(ends, *id))
      ends.push_back(*id);
  for (uint32_t id : data.ends)
    if (!llvm::is_contained(ends, id))
      ends.push_back(id);
  for (auto [id, token] : llvm::enumerate(data.tokens))
    if (data.types[id] == TokenType::Control && endNames.contains(token) &&
        !llvm::is_contained(ends, uint32_t(id)))
      ends.push_back(uint32_t(id));
  return ends;
}

llvm::Error addBytes(const TokenIds &ids, TokenizerTables &tables) {
  for (uint16_t character : makeByteAlphabet()) {
    auto entry = ids.find(toUtf8(character));
    tables.byteTokens.push_back(entry == ids.end() ? PICOLLM_TOKENIZER_NO_TOKEN
                                                   : entry->second);
  }
  return llvm::Error::success();
}

llvm::Error addScored(const TokenizerData &data, TokenizerTables &tables) {
  if (llvm::Error error = findByteTokens(data).moveInto(tables.byteTokens))
    return error;
  return rankScores(data).moveInto(tables.ranks);
}

} // namespace

llvm::Expected<TokenizerTables>
picollm::makeTokenizerTables(const TokenizerData &data, bool withWords) {
  TokenizerTables tables;
  SpellingDecoder decoder;
  TokenIds ids;
  for (auto [id, token] : llvm::enumerate(data.tokens)) {
    auto [entry, isNew] = ids.try_emplace(token, uint32_t(id));
    if (!isNew)
      return llvm::createStringError(
          "token '" + token + "' occurs twice in the vocabulary, as " +
          llvm::Twine(entry->second) + " and as " + llvm::Twine(id));
    if (isScored(data))
      tables.pieces.push_back(scoredPiece(token, data.types[id]));
    else
      tables.pieces.push_back(
          isSpelledInBytes(data.types[id]) ? decoder.decode(token) : token);
  }
  if (llvm::Error error =
          isScored(data) ? addScored(data, tables) : addBytes(ids, tables))
    return std::move(error);
  auto merges = makeMerges(data, ids);
  if (!merges)
    return merges.takeError();
  tables.merges = std::move(*merges);
  if (withWords)
    tables.words = makeWords(data, tables.pieces);
  tables.specials = findSpecials(data, tables.pieces);
  tables.endTokens = findEndTokens(data);
  return tables;
}
