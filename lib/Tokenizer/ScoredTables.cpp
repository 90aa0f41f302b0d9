//===- ScoredTables.cpp - tables of SentencePiece vocabularies ------------===//

#include "ScoredTables.h"
#include "picollm/tokenizer_file.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace picollm;

/// The byte that "<0x0A>" names.
static std::optional<uint8_t> byteOf(llvm::StringRef token) {
  unsigned byte;
  if (token.size() != 6 || !token.consume_front("<0x") ||
      !token.consume_back(">") || token.getAsInteger(16, byte))
    return std::nullopt;
  return uint8_t(byte);
}

std::string picollm::scoredPiece(llvm::StringRef token, TokenType type) {
  if (type == TokenType::Control || type == TokenType::Unknown)
    return token.str();
  if (type == TokenType::Byte)
    if (std::optional<uint8_t> byte = byteOf(token))
      return {char(*byte)};
  std::string piece;
  const llvm::StringRef visibleSpace = "\xE2\x96\x81";
  for (size_t found;
       (found = token.find(visibleSpace)) != llvm::StringRef::npos;
       token = token.drop_front(found + visibleSpace.size()))
    piece += (token.take_front(found) + " ").str();
  return piece + token.str();
}

llvm::Expected<std::vector<uint32_t>>
picollm::findByteTokens(const TokenizerData &data) {
  std::vector<uint32_t> tokens(256, PICOLLM_TOKENIZER_NO_TOKEN);
  for (auto [id, token] : llvm::enumerate(data.tokens))
    if (data.types[id] == TokenType::Byte)
      if (std::optional<uint8_t> byte = byteOf(token))
        tokens[*byte] = uint32_t(id);
  for (auto [byte, token] : llvm::enumerate(tokens))
    if (token == PICOLLM_TOKENIZER_NO_TOKEN)
      return llvm::createStringError(
          "the vocabulary has no token '<0x" +
          llvm::utohexstr(byte, /*LowerCase=*/false, /*Width=*/2) +
          ">' of the kind 'byte'; SentencePiece without a token for every byte "
          "is not supported");
  return tokens;
}

llvm::Expected<std::vector<uint32_t>>
picollm::rankScores(const TokenizerData &data) {
  if (data.scores.size() != data.tokens.size())
    return llvm::createStringError(
        "the vocabulary has " + llvm::Twine(data.tokens.size()) +
        " tokens, but scores (tokenizer.ggml.scores) of " +
        llvm::Twine(data.scores.size()));
  for (auto [id, score] : llvm::enumerate(data.scores))
    if (std::isnan(score))
      return llvm::createStringError("token " + llvm::Twine(id) +
                                     " has a score that is not a number");
  std::vector<float> falling = data.scores;
  llvm::sort(falling, std::greater<float>());
  falling.erase(llvm::unique(falling), falling.end());
  std::vector<uint32_t> ranks;
  for (float score : data.scores)
    ranks.push_back(
        uint32_t(llvm::lower_bound(falling, score, std::greater<float>()) -
                 falling.begin()));
  return ranks;
}
