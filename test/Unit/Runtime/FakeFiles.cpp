#include "FakeFiles.h"
#include "FakeModel.h"
#include "picollm/Import/TokenizerData.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "picollm/weight_file.h"

#include "llvm/Support/Error.h"
#include <cstring>

namespace picollm::test {

// Python: hashlib.sha256(bytes(i * 37 % 251 for i in range(4096)))
static const uint8_t contentHash[32] = {
    0x4f, 0xe5, 0x6f, 0x15, 0x3f, 0xb9, 0xb6, 0x6e, 0x94, 0x17, 0x64,
    0xb8, 0x42, 0xa8, 0x95, 0x13, 0x4c, 0x4a, 0x67, 0xc2, 0x7a, 0x8a,
    0x91, 0x50, 0xca, 0x9b, 0xd4, 0xb9, 0xe3, 0xcd, 0xff, 0x20};

std::vector<CacheLine> fakeWeights() {
  constexpr size_t bytes =
      PICOLLM_WEIGHT_FILE_HEADER_BYTES + FAKE_CONTENT_BYTES;
  std::vector<CacheLine> lines(bytes / sizeof(CacheLine));
  auto *data = reinterpret_cast<uint8_t *>(lines.data());
  picollm_weight_file_header header = {};
  std::memcpy(header.magic, PICOLLM_WEIGHT_FILE_MAGIC, 8);
  header.version = PICOLLM_WEIGHT_FILE_VERSION;
  header.header_bytes = PICOLLM_WEIGHT_FILE_HEADER_BYTES;
  header.file_bytes = bytes;
  std::memcpy(header.build_id, contentHash, sizeof header.build_id);
  std::memcpy(header.content_sha256, contentHash, sizeof contentHash);
  std::memcpy(data, &header, sizeof header);
  for (int i = 0; i < FAKE_CONTENT_BYTES; ++i)
    data[PICOLLM_WEIGHT_FILE_HEADER_BYTES + i] = uint8_t(i * 37 % 251);
  return lines;
}

/// A byte in the alphabet of byte-level BPE: printable characters of Latin-1
/// are themselves, the n-th other byte is U+0100 + n.
static std::string spellByte(int byte) {
  auto isItself = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b != 173);
  };
  int codePoint = byte;
  if (!isItself(byte)) {
    codePoint = 256;
    for (int other = 0; other < byte; ++other)
      codePoint += !isItself(other);
  }
  if (codePoint < 128)
    return std::string(1, char(codePoint));
  return {char(0xc0 | (codePoint >> 6)), char(0x80 | (codePoint & 0x3f))};
}

std::string fakeTokenizer(bool addBegin, const ChatFormat &chat) {
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = "smollm";
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.push_back(spellByte(byte));
  data.types.assign(256, TokenType::Normal);
  data.tokens.insert(data.tokens.end(), {"<|begin|>", "<|end|>"});
  data.types.insert(data.types.end(), 2, TokenType::Control);
  data.bos = FAKE_BEGIN_TOKEN;
  data.eos = FAKE_END_TOKEN;
  data.addBos = addBegin;
  return llvm::cantFail(compileTokenizer(data, chat));
}

} // namespace picollm::test
