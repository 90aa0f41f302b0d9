#include "TextStream.h"

#include "gtest/gtest.h"

using picollm::runtime::TextStream;

TEST(TextStream, HoldsBackAnIncompleteCharacter) {
  TextStream stream({});
  stream.append("a\xe2\x82");
  EXPECT_EQ(stream.take(), "a");
  stream.append("\xac");
  EXPECT_EQ(stream.take(), "\xe2\x82\xac");
  stream.append("\xf0\x9f\x98");
  EXPECT_EQ(stream.take(), "");
  stream.append("\x80!");
  EXPECT_EQ(stream.take(), "\xf0\x9f\x98\x80!");
  EXPECT_EQ(stream.takeRest(), "");
}

TEST(TextStream, ReplacesWhatIsNotUtf8) {
  TextStream stream({});
  // A lone continuation byte, an overlong form, a surrogate.
  stream.append("a\x80"
                "b\xc0\xaf"
                "c\xed\xa0\x80"
                "d");
  const std::string text = stream.take();
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(text, "a" + replacement + "b" + replacement + replacement + "c" +
                      replacement + replacement + replacement + "d");
}

TEST(TextStream, ReplacesWhatNeverBecameComplete) {
  TextStream stream({});
  stream.append("a\xc3");
  EXPECT_EQ(stream.take(), "a");
  EXPECT_EQ(stream.takeRest(), "\xef\xbf\xbd");
}

TEST(TextStream, EndsBeforeAStopString) {
  TextStream stream({"END", "\n\n"});
  stream.append("one E");
  EXPECT_EQ(stream.take(), "one ");
  stream.append("Xtra EN");
  EXPECT_EQ(stream.take(), "EXtra ");
  EXPECT_FALSE(stream.isStopped());
  stream.append("D and more");
  EXPECT_TRUE(stream.isStopped());
  EXPECT_EQ(stream.take(), "");
  stream.append("nothing");
  EXPECT_EQ(stream.takeRest(), "");
}

TEST(TextStream, TheFirstStopStringInTheTextCounts) {
  TextStream stream({"later", "now"});
  stream.append("a now b later");
  EXPECT_TRUE(stream.isStopped());
  EXPECT_EQ(stream.take(), "a ");
}

TEST(TextStream, GivesTheStartOfAStopStringThatNeverCame) {
  TextStream stream({"END"});
  stream.append("EN");
  EXPECT_EQ(stream.take(), "");
  EXPECT_EQ(stream.takeRest(), "EN");
  EXPECT_FALSE(stream.isStopped());
}

TEST(TextStream, AStopStringIsFoundByteByByte) {
  const std::string text = "caf\xc3\xa9 \xe2\x82\xac stop here";
  TextStream stream({"\xe2\x82\xac stop"});
  std::string got;
  for (char byte : text) {
    stream.append(std::string_view(&byte, 1));
    got += stream.take();
  }
  EXPECT_TRUE(stream.isStopped());
  EXPECT_EQ(got, "caf\xc3\xa9 ");
}

// Whatever the cuts, the same text, end and string: here all 2^9 ways.
TEST(TextStream, StopStringsDoNotDependOnHowTheBytesAreCut) {
  struct Case {
    std::vector<std::string> stop;
    std::string text; // without the stop string
    size_t index;
    std::string kept;
  };
  const std::string bytes = "xab\xc3\xa4"
                            "cdcde";
  for (const Case &c : {Case{{"cdcd", "dc"},
                             "xab\xc3\xa4"
                             "c",
                             1,
                             "xab\xc3\xa4"
                             "cdc"},
                        Case{{"dc", "cdc"},
                             "xab\xc3\xa4",
                             1,
                             "xab\xc3\xa4"
                             "cdc"},
                        Case{{"b\xc3\xa4", "e"}, "xa", 0, "xab\xc3\xa4"},
                        Case{{"cde", "never"},
                             "xab\xc3\xa4"
                             "cd",
                             0,
                             bytes},
                        Case{{"cd", "cdc"},
                             "xab\xc3\xa4",
                             0,
                             "xab\xc3\xa4"
                             "cd"}})
    for (bool keep : {false, true})
      for (unsigned cuts = 0; cuts < 1u << (bytes.size() - 1); ++cuts) {
        TextStream stream(c.stop, keep);
        std::string text;
        for (size_t i = 0; i < bytes.size();) {
          size_t end = i + 1;
          while (end < bytes.size() && !((cuts >> (end - 1)) & 1))
            ++end;
          stream.append(bytes.substr(i, end - i));
          text += stream.take();
          i = end;
        }
        text += stream.takeRest();
        ASSERT_TRUE(stream.isStopped());
        ASSERT_EQ(stream.getStopIndex(), c.index) << c.stop[0] << " " << cuts;
        ASSERT_EQ(text, keep ? c.kept : c.text) << c.stop[0] << " " << cuts;
      }
}
