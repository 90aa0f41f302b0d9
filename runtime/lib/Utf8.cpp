//===- Utf8.cpp - characters in bytes that need not be valid --------------===//

#include "Utf8.h"

using namespace picollm;

namespace {

/// What a first byte asks of those after it.
struct Lead {
  uint32_t bytes;    ///< of the whole character, 0: not a first byte
  uint8_t low, high; ///< range of the second byte
};

Lead classifyLead(uint8_t byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xC2)
    return {0, 0, 0};
  if (byte < 0xE0)
    return {2, 0x80, 0xBF};
  if (byte < 0xF0)
    return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80),
            uint8_t(byte == 0xED ? 0x9F : 0xBF)};
  if (byte < 0xF5)
    return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80),
            uint8_t(byte == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}

/// How many bytes of `text` belong to the character that its first byte
/// starts: up to lead.bytes, less where a byte is missing or wrong.
uint32_t countValidBytes(std::string_view text, const Lead &lead) {
  uint32_t count = 1;
  while (count < lead.bytes && count < text.size()) {
    uint8_t byte = static_cast<uint8_t>(text[count]);
    bool fits = count == 1 ? byte >= lead.low && byte <= lead.high
                           : (byte & 0xC0) == 0x80;
    if (!fits)
      break;
    ++count;
  }
  return count;
}

} // namespace

Utf8Symbol picollm::firstUtf8Symbol(std::string_view text) {
  uint8_t first = static_cast<uint8_t>(text[0]);
  Lead lead = classifyLead(first);
  if (lead.bytes == 1)
    return {first, 1};
  if (lead.bytes == 0 || countValidBytes(text, lead) < lead.bytes)
    return {Utf8Symbol::invalid, 1};
  uint32_t codePoint = first & (0x7F >> lead.bytes);
  for (uint32_t i = 1; i < lead.bytes; ++i)
    codePoint = codePoint << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  return {codePoint, lead.bytes};
}

size_t picollm::incompleteUtf8Bytes(std::string_view bytes) {
  for (size_t count = 1; count <= 3 && count <= bytes.size(); ++count) {
    std::string_view tail = bytes.substr(bytes.size() - count);
    Lead lead = classifyLead(static_cast<uint8_t>(tail[0]));
    if (lead.bytes > count && countValidBytes(tail, lead) == count)
      return count;
  }
  return 0;
}
