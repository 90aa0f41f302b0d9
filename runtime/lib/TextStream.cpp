#include "TextStream.h"
#include "Utf8.h"

#include <algorithm>
#include <cstdint>

namespace picollm::runtime {

void TextStream::decode(bool final) {
  const size_t held = final ? 0 : incompleteUtf8Bytes(bytes);
  std::string_view rest =
      std::string_view(bytes).substr(0, bytes.size() - held);
  while (!rest.empty()) {
    const Utf8Symbol symbol = firstUtf8Symbol(rest);
    if (symbol.codePoint == Utf8Symbol::invalid)
      text += "\xef\xbf\xbd";
    else
      text += rest.substr(0, symbol.bytes);
    rest.remove_prefix(symbol.bytes);
  }
  bytes.erase(0, bytes.size() - held);
}

void TextStream::findStop() {
  size_t begin = 0, end = std::string::npos;
  for (size_t i = 0; i < stopStrings.size(); ++i) {
    const size_t found = text.find(stopStrings[i]);
    if (found == std::string::npos)
      continue;
    // Of two that end at the same place the longer one counts.
    const size_t foundEnd = found + stopStrings[i].size();
    if (foundEnd < end || (foundEnd == end && found < begin)) {
      begin = found;
      end = foundEnd;
      stopIndex = i;
    }
  }
  if (end == std::string::npos)
    return;
  text.resize(keepStop ? end : begin);
  bytes.clear();
  stopped = true;
}

void TextStream::append(std::string_view newBytes) {
  if (stopped)
    return;
  bytes += newBytes;
  decode(false);
  findStop();
}

std::string TextStream::take() {
  size_t held = 0;
  if (!stopped) {
    for (const std::string &stop : stopStrings) {
      const size_t longest = std::min(stop.size() - 1, text.size());
      for (size_t length = longest; length > held; --length) {
        if (text.compare(text.size() - length, length, stop, 0, length) == 0)
          held = length;
      }
    }
    // A stop string that is not UTF-8 could hold back a part of a sequence.
    while (held < text.size() && held > 0 &&
           (uint8_t(text[text.size() - held]) & 0xc0) == 0x80)
      ++held;
  }
  std::string certain = text.substr(0, text.size() - held);
  text.erase(0, certain.size());
  return certain;
}

std::string TextStream::takeRest() {
  if (!stopped) {
    decode(true);
    findStop();
  }
  std::string rest;
  rest.swap(text);
  return rest;
}

} // namespace picollm::runtime
