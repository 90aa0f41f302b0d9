//===- TokenizerCompiler.cpp - tables of a tokenizer ----------------------===//

#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "Automaton.h"
#include "PreTokenizers.h"
#include "TokenizerTables.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace picollm;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "the file is written as the bytes of the host's numbers");

namespace {

/// Lays the sections out behind the header.
class FileWriter {
public:
  FileWriter() : bytes(sizeof(picollm_tokenizer_file_header), '\0') {}

  template <typename Container>
  void addSection(picollm_tokenizer_section_name name,
                  const Container &elements) {
    bytes.resize(llvm::alignTo(bytes.size(), PICOLLM_TOKENIZER_FILE_ALIGNMENT));
    size_t size = elements.size() * sizeof(*elements.data());
    header.sections[name] = {bytes.size(), size};
    bytes.append(reinterpret_cast<const char *>(elements.data()), size);
  }

  /// Nothing may be added after that.
  std::string finish() {
    header.file_bytes = bytes.size();
    std::memcpy(bytes.data(), &header, sizeof(header));
    return std::move(bytes);
  }

  picollm_tokenizer_file_header header = {};

private:
  std::string bytes;
};

llvm::Expected<PreTokenizer> preTokenizerOf(const TokenizerData &data) {
  // SentencePiece merges over a whole text. That a file is silent about bos
  // means that it is added, as llama.cpp has it.
  if (isScored(data))
    return PreTokenizer{{}, /*ignoreMerges=*/false, /*addBos=*/true};
  if (!data.preTokenizer.empty())
    return findPreTokenizer(data.preTokenizer);
  PreTokenizer result{{}, /*ignoreMerges=*/false, /*addBos=*/false};
  result.patterns.assign(data.splitters.begin(), data.splitters.end());
  return result;
}

llvm::Error checkData(const TokenizerData &data) {
  if (data.model != "gpt2" && !isScored(data))
    return llvm::createStringError(
        "the tokenizer is of kind '" + data.model +
        "' (tokenizer.ggml.model), expected byte-level BPE, 'gpt2', or "
        "SentencePiece's BPE, 'llama'");
  if (data.tokens.empty() || data.tokens.size() >= PICOLLM_TOKENIZER_MAX_TOKENS)
    return llvm::createStringError(
        "the vocabulary has " + llvm::Twine(data.tokens.size()) +
        " tokens, expected 1 to " +
        llvm::Twine(PICOLLM_TOKENIZER_MAX_TOKENS - 1));
  if (data.types.size() != data.tokens.size())
    return llvm::createStringError(
        "the vocabulary has " + llvm::Twine(data.tokens.size()) +
        " tokens, but kinds of " + llvm::Twine(data.types.size()));
  llvm::SmallVector<uint32_t> specials(data.ends.begin(), data.ends.end());
  for (std::optional<uint32_t> id : {data.bos, data.eos, data.eot, data.eom})
    if (id)
      specials.push_back(*id);
  for (uint32_t id : specials)
    if (id >= data.tokens.size())
      return llvm::createStringError("special token " + llvm::Twine(id) +
                                     " is not in the vocabulary, which has " +
                                     llvm::Twine(data.tokens.size()) +
                                     " tokens");
  if ((data.addBos.value_or(false) && !data.bos) ||
      (data.addEos.value_or(false) && !data.eos))
    return llvm::createStringError(
        "the tokenizer adds a bos or eos token to texts, but has none");
  return llvm::Error::success();
}

void addTokens(FileWriter &writer, const TokenizerData &data,
               const TokenizerTables &tables) {
  std::vector<uint32_t> offsets = {0};
  std::string pieces;
  for (const std::string &piece : tables.pieces) {
    pieces += piece;
    offsets.push_back(uint32_t(pieces.size()));
  }
  writer.addSection(PICOLLM_TOKENIZER_PIECE_OFFSETS, offsets);
  writer.addSection(PICOLLM_TOKENIZER_PIECES, pieces);
  writer.addSection(PICOLLM_TOKENIZER_KINDS, data.types);
  writer.addSection(PICOLLM_TOKENIZER_BYTE_TOKENS, tables.byteTokens);
  writer.addSection(PICOLLM_TOKENIZER_MERGES, tables.merges);
  writer.addSection(PICOLLM_TOKENIZER_WORDS, tables.words);
  writer.addSection(PICOLLM_TOKENIZER_RANKS, tables.ranks);
  writer.addSection(PICOLLM_TOKENIZER_SPECIALS, tables.specials);
  writer.addSection(PICOLLM_TOKENIZER_END_TOKENS, tables.endTokens);
}

void addChat(FileWriter &writer, const TokenizerData &data,
             const ChatFormat &chat) {
  writer.header.chat_flags = chat.flags;
  writer.addSection(PICOLLM_TOKENIZER_CHAT_TEMPLATE, data.chatTemplate);
  // What a template complains about may be anything.
  auto oneLine = [](std::string text) {
    for (char &c : text)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        c = ' ';
    return text;
  };
  std::string refusal = oneLine(chat.refusal);
  if (!refusal.empty())
    refusal += '\0';
  writer.addSection(PICOLLM_TOKENIZER_CHAT_REFUSAL, refusal);
  writer.addSection(PICOLLM_TOKENIZER_CHAT_SYSTEM_REFUSAL,
                    oneLine(chat.systemRefusal));
  writer.addSection(PICOLLM_TOKENIZER_CHAT_GAPS, chat.gaps);
  writer.addSection(PICOLLM_TOKENIZER_CHAT_TEXT, chat.text);
}

} // namespace

llvm::Expected<std::string> picollm::compileTokenizer(const TokenizerData &data,
                                                      const ChatFormat &chat) {
  if (llvm::Error error = checkData(data))
    return std::move(error);
  auto preTokenizer = preTokenizerOf(data);
  if (!preTokenizer)
    return preTokenizer.takeError();
  bool ignoreMerges = data.ignoreMerges.value_or(preTokenizer->ignoreMerges);
  auto tables = makeTokenizerTables(data, ignoreMerges || isScored(data));
  if (!tables)
    return tables.takeError();
  auto splitter = compileSplitter(preTokenizer->patterns);
  if (!splitter)
    return splitter.takeError();

  FileWriter writer;
  picollm_tokenizer_file_header &header = writer.header;
  std::memcpy(header.magic, PICOLLM_TOKENIZER_FILE_MAGIC, sizeof(header.magic));
  header.version = PICOLLM_TOKENIZER_FILE_VERSION;
  header.header_bytes = sizeof(header);
  header.vocabulary = uint32_t(data.tokens.size());
  if (data.bos && data.addBos.value_or(preTokenizer->addBos))
    header.flags |= PICOLLM_TOKENIZER_ADD_BOS;
  if (data.eos && data.addEos.value_or(false))
    header.flags |= PICOLLM_TOKENIZER_ADD_EOS;
  if (ignoreMerges)
    header.flags |= PICOLLM_TOKENIZER_IGNORE_MERGES;
  if (isScored(data))
    header.flags |= PICOLLM_TOKENIZER_SCORED;
  if (isScored(data) && data.addSpacePrefix.value_or(true))
    header.flags |= PICOLLM_TOKENIZER_SPACE_PREFIX;
  header.bos = data.bos.value_or(PICOLLM_TOKENIZER_NO_TOKEN);
  header.eos = data.eos.value_or(PICOLLM_TOKENIZER_NO_TOKEN);
  header.classes = splitter->classes.count;

  addTokens(writer, data, *tables);
  writer.addSection(PICOLLM_TOKENIZER_CLASS_PAGES, splitter->classes.pages);
  writer.addSection(PICOLLM_TOKENIZER_CLASS_BLOCKS, splitter->classes.blocks);
  writer.addSection(PICOLLM_TOKENIZER_STAGES, splitter->stages);
  writer.addSection(PICOLLM_TOKENIZER_TRANSITIONS, splitter->transitions);
  addChat(writer, data, chat);
  return writer.finish();
}
