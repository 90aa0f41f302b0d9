//===- DamagedFileTest.cpp - files that are not what they should be -------===//
//
// Run under AddressSanitizer, these tests also show that no table is read out
// of its bounds.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/FakeChat.h"
#include "Chat.h"
#include "Fixtures.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <random>

using namespace picollm;
using namespace picollm::test;

namespace {

/// The byte alphabet, three merges and two special tokens.
std::string smallFile() {
  TokenizerData data = tinyTokenizer("llama-bpe");
  auto isMade = [](const std::string &token) {
    return token == "in" || token == "th" || token == "the";
  };
  std::vector<std::string> tokens = {"in", "th", "the", "<|im_end|>", "<file"};
  std::vector<TokenType> types(3, TokenType::Normal);
  types.push_back(TokenType::Control);
  types.push_back(TokenType::UserDefined);
  for (size_t id = 0; id < 256; ++id) {
    EXPECT_FALSE(isMade(data.tokens[id]));
    tokens.push_back(data.tokens[id]);
    types.push_back(TokenType::Normal);
  }
  data.tokens = tokens;
  data.types = types;
  data.merges = {{"i", "n"}, {"t", "h"}, {"th", "e"}};
  data.bos = data.eos = 3;
  data.chatTemplate = "{{ messages }}";
  llvm::Expected<std::string> bytes = compileTokenizer(data, fakeChat());
  EXPECT_TRUE(bool(bytes));
  return bytes ? *bytes : "";
}

/// A vocabulary of SentencePiece: bytes, two characters and what they make.
std::string smallScoredFile() {
  const TokenizerData whole = scoredTokenizer("llama");
  TokenizerData data = whole;
  data.tokens = {"<s>", "t", "h", "th", "\xE2\x96\x81th", "<file"};
  data.types.assign(5, TokenType::Normal);
  data.types[0] = TokenType::Control;
  data.types.push_back(TokenType::UserDefined);
  for (size_t id = 0; id < whole.tokens.size(); ++id)
    if (whole.types[id] == TokenType::Byte) {
      data.tokens.push_back(whole.tokens[id]);
      data.types.push_back(TokenType::Byte);
    }
  data.scores.assign(data.tokens.size(), 0.0f);
  data.scores[4] = 1;
  data.bos = data.eos = 0;
  llvm::Expected<std::string> bytes = compileTokenizer(data, fakeChat());
  EXPECT_TRUE(bool(bytes));
  return bytes ? *bytes : "";
}

/// Uses all that a file that could be opened offers; returns whether it could.
bool use(AlignedBytes &bytes) {
  Tokenizer tokenizer;
  std::string error = tokenizer.open(bytes.data(), bytes.size());
  if (!error.empty())
    return false;
  for (bool special : {true, false})
    tokenizer.decode(tokenizer.encode(
        "the thin\xFF<|im_end|> 12\n\xE2\x82\xAC<file<|im_", special));
  if (!tokenizer.tables().chatRefusal.count) {
    const picollm_message dialog[] = {{"system", " s ", 3},
                                      {"user", "u\n", 2},
                                      {"assistant", "x</think> a", 11},
                                      {"user", "", 0}};
    runtime::ChatText text;
    for (size_t first : {0, 1})
      if (!runtime::writeChat(runtime::ChatTables::of(tokenizer.tables()),
                              dialog + first, 4 - first, text))
        tokenizer.encode(text.text, text.contents);
  }
  for (int32_t id : {0, 3, int32_t(tokenizer.getVocabularySize()) - 1})
    tokenizer.isEnd(id), tokenizer.isControl(id);
  return true;
}

TEST(DamagedFile, UndamagedIsRead) {
  AlignedBytes bytes(smallFile());
  EXPECT_TRUE(use(bytes));
}

TEST(DamagedFile, EveryTruncationIsRefused) {
  std::string whole = smallFile();
  for (size_t size = 0; size < whole.size(); ++size) {
    AlignedBytes bytes(whole.substr(0, size));
    EXPECT_FALSE(use(bytes)) << size;
  }
}

TEST(DamagedFile, EveryFlippedByteIsRefusedOrHarmless) {
  AlignedBytes bytes(smallFile());
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int mask : {0xFF, 0x01, 0x80}) {
      bytes.data()[i] ^= mask;
      refused += !use(bytes);
      bytes.data()[i] ^= mask;
    }
  }
  EXPECT_GT(refused, sizeof(picollm_tokenizer_file_header));
  EXPECT_TRUE(use(bytes));
}

TEST(DamagedFile, EveryFlippedByteOfScoresIsRefusedOrHarmless) {
  AlignedBytes bytes(smallScoredFile());
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int mask : {0xFF, 0x01, 0x80}) {
      bytes.data()[i] ^= mask;
      use(bytes);
      bytes.data()[i] ^= mask;
    }
  EXPECT_TRUE(use(bytes));
}

TEST(DamagedFile, RanksOfAnotherNumberAreRefused) {
  AlignedBytes bytes(smallScoredFile());
  auto &header =
      *reinterpret_cast<picollm_tokenizer_file_header *>(bytes.data());
  header.sections[PICOLLM_TOKENIZER_RANKS].bytes -= 4;
  EXPECT_EQ(Tokenizer().open(bytes.data(), bytes.size()),
            "the tokenizer file is damaged: its table of ranks has the wrong "
            "size; compile the model again");
}

TEST(DamagedFile, ManyDamagedBytesAreRefusedOrHarmless) {
  std::string whole = smallFile();
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    AlignedBytes bytes(whole);
    // Behind the header, whose damage is nearly always refused at once.
    size_t first = sizeof(picollm_tokenizer_file_header);
    for (int i = 0; i < 8; ++i)
      bytes.data()[first + random() % (whole.size() - first)] =
          static_cast<char>(random() % 4);
    use(bytes);
  }
}

TEST(DamagedFile, FormsOfDialogsAreChecked) {
  auto refusalOf = [](const std::function<void(char *)> &damage) {
    AlignedBytes bytes(smallFile());
    damage(bytes.data());
    return Tokenizer().open(bytes.data(), bytes.size());
  };
  auto section = [](char *bytes, int name) {
    auto &header = *reinterpret_cast<picollm_tokenizer_file_header *>(bytes);
    return &header.sections[name];
  };
  auto gaps = [&](char *bytes) {
    return reinterpret_cast<picollm_chat_gap *>(
        bytes + section(bytes, PICOLLM_TOKENIZER_CHAT_GAPS)->offset);
  };
  EXPECT_EQ(refusalOf([](char *) {}), "");
  EXPECT_NE(refusalOf([&](char *bytes) {
              section(bytes, PICOLLM_TOKENIZER_CHAT_GAPS)->bytes -= 24;
            }).find("not complete"),
            std::string::npos);
  EXPECT_NE(refusalOf([&](char *bytes) {
              gaps(bytes)[3].text_offset = 0xFFFFFFFF;
            }).find("lies outside"),
            std::string::npos);
  EXPECT_NE(refusalOf([&](char *bytes) {
              gaps(bytes)[19].rest_bytes = 0xFFFFFFFF;
            }).find("lies outside"),
            std::string::npos);
  EXPECT_NE(refusalOf([&](char *bytes) {
              gaps(bytes)[0].trim_after = 3;
            }).find("unknown way"),
            std::string::npos);
  EXPECT_NE(refusalOf([&](char *bytes) {
              // The text as a refusal that does not end.
              *section(bytes, PICOLLM_TOKENIZER_CHAT_REFUSAL) =
                  *section(bytes, PICOLLM_TOKENIZER_CHAT_TEXT);
            }).find("not a sentence"),
            std::string::npos);
  EXPECT_NE(refusalOf([&](char *bytes) {
              // Control characters as the sentence about system messages.
              *section(bytes, PICOLLM_TOKENIZER_CHAT_SYSTEM_REFUSAL) =
                  *section(bytes, PICOLLM_TOKENIZER_BYTE_TOKENS);
            }).find("refusing system messages is not a sentence"),
            std::string::npos);
}

TEST(DamagedFile, SplitterOfManyStagesIsRefused) {
  // Each stage is a call inside the call of the one before it.
  std::string whole = smallFile();
  picollm_tokenizer_file_header header;
  std::memcpy(&header, whole.data(), sizeof(header));
  picollm_tokenizer_section &section =
      header.sections[PICOLLM_TOKENIZER_STAGES];
  picollm_tokenizer_stage stage;
  std::memcpy(&stage, whole.data() + section.offset, sizeof(stage));
  whole.resize((whole.size() + 7) / 8 * 8);
  const size_t count = 1 << 20;
  section = {whole.size(), count * sizeof(stage)};
  for (size_t i = 0; i < count; ++i)
    whole.append(reinterpret_cast<const char *>(&stage), sizeof(stage));
  header.file_bytes = whole.size();
  std::memcpy(whole.data(), &header, sizeof(header));
  AlignedBytes bytes(whole);
  EXPECT_EQ(Tokenizer().open(bytes.data(), bytes.size()),
            "the tokenizer file is damaged: its splitter has too many stages; "
            "compile the model again");
}

TEST(DamagedFile, AnotherVersionIsNamed) {
  AlignedBytes bytes(smallFile());
  bytes.data()[offsetof(picollm_tokenizer_file_header, version)] = 9;
  EXPECT_EQ(Tokenizer().open(bytes.data(), bytes.size()),
            "the tokenizer file has version 9, expected 3; compile the model "
            "again");
}

TEST(DamagedFile, AnotherKindOfFileIsNamed) {
  AlignedBytes bytes(std::string(4096, 'x'));
  EXPECT_EQ(Tokenizer().open(bytes.data(), bytes.size()),
            "this is not a tokenizer file: its first bytes are not PICOLLMT");
}

TEST(DamagedFile, MisalignedBytesAreRefused) {
  std::string whole = smallFile();
  AlignedBytes bytes("x" + whole);
  EXPECT_EQ(Tokenizer().open(bytes.data() + 1, whole.size()),
            "the bytes of a tokenizer file must be aligned to 8 bytes");
}

} // namespace
