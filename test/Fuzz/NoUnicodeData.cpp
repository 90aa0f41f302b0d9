//===- NoUnicodeData.cpp - ICU's data library, empty ----------------------===//
//
// ICU keeps 30 MB of locales in a library of their own. The tokenizer asks for
// properties of characters only, which are code in libicuuc; with this instead,
// a fuzz target stays small. What is not there is reported by ICU as missing.
// The layout is that of ICU's common data (unicode/udata.h, "ToCP").
//
//===----------------------------------------------------------------------===//

#include <unicode/udata.h>
#include <unicode/utypes.h>

namespace {
struct alignas(16) EmptyData {
  uint16_t headerBytes;
  uint8_t magic[2];
  UDataInfo info;
  uint8_t padding[8];
  uint32_t entries, reserved;
};
} // namespace

extern "C" const EmptyData U_ICUDATA_ENTRY_POINT;
const EmptyData U_ICUDATA_ENTRY_POINT = {32,
                                         {0xda, 0x27},
                                         {sizeof(UDataInfo),
                                          0,
                                          U_IS_BIG_ENDIAN,
                                          U_CHARSET_FAMILY,
                                          U_SIZEOF_UCHAR,
                                          0,
                                          {0x54, 0x6f, 0x43, 0x50}, // "ToCP"
                                          {1, 0, 0, 0},
                                          {0, 0, 0, 0}},
                                         {},
                                         0,
                                         0};
