//===- Utf8Test.cpp - characters in bytes that need not be valid ----------===//

#include "Utf8.h"
#include "llvm/Support/ConvertUTF.h"
#include <gtest/gtest.h>
#include <string>

using namespace picollm;

namespace {

/// LLVM's reader: the length of the character at the start, 0 if invalid.
unsigned lengthByLLVM(const std::string &bytes) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(bytes.data());
  unsigned length = llvm::getNumBytesForUTF8(*begin);
  return llvm::isLegalUTF8Sequence(begin, begin + bytes.size()) ? length : 0;
}

TEST(Utf8, AgreesWithLLVMOnStartsOfAllSequences) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (unsigned tail : {0x00, 0x7F, 0x80, 0xBF, 0xC0}) {
        std::string bytes = {char(first), char(second), char(tail), char(tail)};
        unsigned length = lengthByLLVM(bytes);
        Utf8Symbol symbol = firstUtf8Symbol(bytes);
        EXPECT_EQ(symbol.codePoint == Utf8Symbol::invalid, length == 0);
        EXPECT_EQ(symbol.bytes, length ? length : 1);
      }
    }
  }
}

TEST(Utf8, ReadsCodePoints) {
  EXPECT_EQ(firstUtf8Symbol("A").codePoint, 0x41u);
  EXPECT_EQ(firstUtf8Symbol("\xC3\xA9").codePoint, 0xE9u);
  EXPECT_EQ(firstUtf8Symbol("\xE2\x82\xAC").codePoint, 0x20ACu);
  EXPECT_EQ(firstUtf8Symbol("\xF0\x9F\x91\x8D").codePoint, 0x1F44Du);
  EXPECT_EQ(firstUtf8Symbol("\xF4\x8F\xBF\xBF").codePoint, 0x10FFFFu);
}

TEST(Utf8, TruncatedCharacterIsOneInvalidByte) {
  EXPECT_EQ(firstUtf8Symbol("\xE2\x82").codePoint, Utf8Symbol::invalid);
  EXPECT_EQ(firstUtf8Symbol("\xE2\x82").bytes, 1u);
}

TEST(Utf8, CountsIncompleteBytesAtTheEnd) {
  EXPECT_EQ(incompleteUtf8Bytes(""), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("a"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("a\xC3"), 1u);
  EXPECT_EQ(incompleteUtf8Bytes("a\xC3\xA9"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xE2"), 1u);
  EXPECT_EQ(incompleteUtf8Bytes("\xE2\x82"), 2u);
  EXPECT_EQ(incompleteUtf8Bytes("\xE2\x82\xAC"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("x\xF0\x9F\x91"), 3u);
  EXPECT_EQ(incompleteUtf8Bytes("\xF0\x9F\x91\x8D"), 0u);
}

TEST(Utf8, WhatCannotBeCompletedIsNotIncomplete) {
  EXPECT_EQ(incompleteUtf8Bytes("\x80\x80"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xC0"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xFF"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xE0\x80"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xED\xA0"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xF4\x90"), 0u);
  EXPECT_EQ(incompleteUtf8Bytes("\xC3\x80\x80"), 0u);
}

} // namespace
