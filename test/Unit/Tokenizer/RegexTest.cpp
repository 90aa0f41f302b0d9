//===- RegexTest.cpp - patterns that are refused --------------------------===//

#include "Regex.h"
#include "Automaton.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

std::string errorOf(llvm::StringRef pattern) {
  auto root = parseRegex(pattern);
  return root ? "" : llvm::toString(root.takeError());
}

TEST(Regex, RefusesWhatItDoesNotSupport) {
  for (const char *pattern :
       {"a++", "a*?", "a{2}+", "a.", "^a", "a$", "(?<=a)b", "(?<n>a)", "(?!ab)",
        "\\b", "\\d", "(?i)a", "[\\d-z]", "*a", "a|+"})
    EXPECT_NE(errorOf(pattern).find("support"), std::string::npos)
        << pattern << ": " << errorOf(pattern);
}

TEST(Regex, RefusesBrokenPatterns) {
  for (const char *pattern : {"(a", "a)", "[a", "a{", "a{}", "a{2", "a{3,2}",
                              "\\", "[z-a]", "[a-\\z]", "\\p", "\\p{", "\\p{L",
                              "\\p{Klingon}", "(?!", "(?i:", "a{1,", "["})
    EXPECT_NE(errorOf(pattern), "") << pattern;
}

TEST(Regex, SaysWhere) {
  EXPECT_EQ(errorOf("ab\\p{Klingon}"), "the pattern 'ab\\p{Klingon}' has an "
                                       "unknown property 'Klingon' at "
                                       "character 14");
}

TEST(Regex, RefusesLongPatterns) {
  EXPECT_EQ(errorOf(std::string(8192, 'a')), "");
  EXPECT_EQ(errorOf(std::string(8193, 'a')),
            "a pattern of the pre-tokeniser has 8193 bytes, expected at most "
            "8192");
}

TEST(Regex, MessagesDoNotRepeatControlCharacters) {
  EXPECT_NE(errorOf("\x1b[31m\n(").find("'\\1B[31m\\0A('"), std::string::npos)
      << errorOf("\x1b[31m\n(");
}

TEST(Regex, CaselessLettersMatchAllThatFoldToThem) {
  auto root = parseRegex("(?i:s)");
  ASSERT_TRUE(bool(root)) << llvm::toString(root.takeError());
  const RegexNode *node = root->get();
  while (!node->children.empty())
    node = node->children[0].get();
  EXPECT_TRUE(node->set.contains('s') && node->set.contains('S') &&
              node->set.contains(0x17F));
  EXPECT_EQ(node->set.size(), 3);
}

TEST(Regex, CaselessSetsAreWhatICUCloses) {
  for (const char *name : {"L", "Lu", "M", "N", "P", "S"}) {
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeSet expected(
        icu::UnicodeString("[:") + name + icu::UnicodeString(":]"), status);
    ASSERT_TRUE(U_SUCCESS(status));
    expected.closeOver(USET_CASE_INSENSITIVE);
    expected.removeAllStrings();
    auto root = parseRegex(std::string("(?i:\\p{") + name + "})");
    ASSERT_TRUE(bool(root)) << llvm::toString(root.takeError());
    const RegexNode *node = root->get();
    while (!node->children.empty())
      node = node->children[0].get();
    EXPECT_TRUE(node->set == expected) << name;
  }
}

TEST(Regex, RefusesDeeplyNestedGroups) {
  std::string nested = std::string(8000, '(') + "a";
  EXPECT_NE(errorOf(nested).find("nests groups more than 64 deep"),
            std::string::npos);
  EXPECT_EQ(errorOf(std::string(60, '(') + "a" + std::string(60, ')')), "");
}

TEST(Automaton, RefusesRepetitionsThatMultiply) {
  for (const char *body : {"a", "", "a|b", "[a-z]?"}) {
    std::string pattern = body;
    for (int i = 0; i < 40; ++i)
      pattern = "(" + pattern + "){99}";
    auto tables = compileSplitter({pattern});
    ASSERT_FALSE(bool(tables));
    EXPECT_EQ(llvm::toString(tables.takeError()),
              "a pattern of the pre-tokeniser has more than 1024 parts, "
              "repetitions written out");
  }
}

TEST(Automaton, RefusesTooManyStates) {
  // Remembers which of the last 20 letters were an a.
  auto tables = compileSplitter({"[ab]*a[ab]{19}(?=c)"});
  ASSERT_FALSE(bool(tables));
  EXPECT_EQ(llvm::toString(tables.takeError()),
            "a pattern of the pre-tokeniser needs more than 32768 states");
}

std::string splitterErrorOf(llvm::ArrayRef<llvm::StringRef> patterns) {
  auto tables = compileSplitter(patterns);
  return tables ? "" : llvm::toString(tables.takeError());
}

TEST(Automaton, RefusesWhatTakesTooLongToBuild) {
  // Many states, and each is a long list of possibilities.
  std::string pattern = "[ab]*a[ab]{19}(?=c)";
  for (int i = 0; i < 150; ++i)
    pattern += "|[ab]*d";
  EXPECT_NE(splitterErrorOf({pattern}).find("too complicated"),
            std::string::npos);
}

TEST(Automaton, RefusesTooManyPatterns) {
  std::vector<llvm::StringRef> patterns(64, "a");
  EXPECT_EQ(splitterErrorOf(patterns), "");
  patterns.push_back("a");
  EXPECT_EQ(splitterErrorOf(patterns),
            "the pre-tokeniser has 65 patterns, expected at most 64");
}

} // namespace
