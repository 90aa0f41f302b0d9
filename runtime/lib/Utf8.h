//===- Utf8.h - characters in bytes that need not be valid ------*- C++ -*-===//

#ifndef PICOLLM_RUNTIME_UTF8_H
#define PICOLLM_RUNTIME_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace picollm {

/// One character, or one byte that is not part of a valid one.
struct Utf8Symbol {
  static constexpr uint32_t invalid = 0xFFFFFFFF;

  uint32_t codePoint; ///< or `invalid`
  uint32_t bytes;     ///< 1 to 4
};

/// The first symbol of `text`, which is not empty. Overlong forms, surrogates
/// and numbers above U+10FFFF are invalid (The Unicode Standard, table 3-7).
Utf8Symbol firstUtf8Symbol(std::string_view text);

/// How many bytes at the end of `bytes` (0 to 3) start a character that more
/// bytes could complete. Text that is shown while it is generated holds these
/// back.
size_t incompleteUtf8Bytes(std::string_view bytes);

} // namespace picollm

#endif // PICOLLM_RUNTIME_UTF8_H
