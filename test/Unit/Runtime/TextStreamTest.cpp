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
