// picollm-run --chat on a terminal; converse.py types and reads.
#include "FakeChat.h"
#include "FakeFiles.h"

#include "gtest/gtest.h"
#include <cstdlib>

using namespace picollm::test;

#ifndef _WIN32

class Conversation : public testing::TestWithParam<const char *> {};

TEST_P(Conversation, OnATerminal) {
  const std::string folder = fakeModelFolder("endless", fakeChat());
  const std::string command =
      TEST_PYTHON " \"" PICOLLM_TEST_DIR "/Unit/Runtime/converse.py\" "
                  "\"" PICOLLM_BUILD_DIR "/bin/picollm-run\" \"" +
      folder + "\" " + GetParam() + " \"" + folder + "/dialog.json\"";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Conversation,
                         testing::Values("edit", "interrupt", "leave",
                                         "command", "fill"),
                         [](const auto &info) { return info.param; });

#endif
