//===- QuoteTest.cpp - text from files in messages ------------------------===//

#include "picollm/Support/Quote.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

TEST(Quote, PrintableTextStaysAsItIs) {
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("blk.0.attn_q.weight \\p{L}"),
            "'blk.0.attn_q.weight \\p{L}'");
}

TEST(Quote, WhatATerminalWouldObeyIsEscaped) {
  EXPECT_EQ(quote(llvm::StringRef("\x1b[2J\n\0\x7f", 7)),
            "'\\1B[2J\\0A\\00\\7F'");
  EXPECT_EQ(quote("\xC4\xA0the"), "'\\C4\\A0the'");
}

TEST(Quote, LongTextIsCut) {
  EXPECT_EQ(quote(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(quote(std::string(81, 'x')), "'" + std::string(80, 'x') + "...'");
}

} // namespace
