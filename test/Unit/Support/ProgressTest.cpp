//===- ProgressTest.cpp - what is shown of long work ----------------------===//

#include "picollm/Support/Progress.h"
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <regex>
#include <thread>
#include <unistd.h>

using namespace picollm;

namespace {

/// A terminal as stderr, for as long as it lives.
class Terminal {
public:
  Terminal() : controller(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (controller < 0 || grantpt(controller) || unlockpt(controller))
      return;
    terminal = open(ptsname(controller), O_RDWR | O_NOCTTY);
    before = dup(STDERR_FILENO);
    dup2(terminal, STDERR_FILENO);
  }
  ~Terminal() {
    if (terminal >= 0) {
      dup2(before, STDERR_FILENO);
      close(before);
      close(terminal);
    }
    close(controller);
  }

  bool isOpen() const { return terminal >= 0; }

  /// What is written until `end` comes.
  std::string readUntil(const std::string &end) {
    std::string text;
    char next;
    while (text.find(end) == std::string::npos &&
           ::read(controller, &next, 1) == 1)
      text += next;
    return text;
  }

private:
  int controller, terminal = -1, before = -1;
};

/// Longer than what needs no progress.
void waitLong() {
  std::this_thread::sleep_for(std::chrono::milliseconds(2050));
}

} // namespace

TEST(Progress, TimesAreMinutesAndHours) {
  EXPECT_EQ(clockTime(0), "0:00");
  EXPECT_EQ(clockTime(59.6), "1:00");
  EXPECT_EQ(clockTime(3599), "59:59");
  EXPECT_EQ(clockTime(3723), "1:02:03");
}

TEST(Progress, ShowsTheTimeLeftAfterTwoSeconds) {
  Terminal terminal;
  ASSERT_TRUE(terminal.isOpen());
  {
    Progress progress("quantize", 8, "layers");
    progress.update(1);
    waitLong();
    progress.update(2, "blk.1");
    std::string shown = terminal.readUntil("left");
    EXPECT_TRUE(std::regex_match(
        shown, std::regex("\r\x1b\\[Kquantize   2/8 layers, blk\\.1  25 %  "
                          "[0-9:]+ left")))
        << shown;
  }
  std::string last = terminal.readUntil("\n");
  EXPECT_TRUE(std::regex_match(
      last,
      std::regex("\r\x1b\\[Kquantize   2/8 layers, blk\\.1  [0-9:]+\r\n")))
      << last;
}

TEST(Progress, IsOneLineWhereNobodyLooks) {
  testing::internal::CaptureStderr();
  {
    Progress progress("calibrate", 4, "steps");
    waitLong();
    for (int64_t step = 1; step <= 4; ++step)
      progress.update(step);
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(
      std::regex_match(shown, std::regex("calibrate  4/4 steps  [0-9:]+\n")))
      << shown;
}

TEST(Progress, IsNotShownOfShortWork) {
  testing::internal::CaptureStderr();
  {
    Progress("pack", 1, "matrices").update(1);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, SaysWhatAnEarlierProcessHasDone) {
  testing::internal::CaptureStderr();
  {
    Progress("tune", 40, "steps", 30).update(40);
  }
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(
      shown,
      std::regex("tune       40/40 steps, 30 of them before  [0-9:]+\n")))
      << shown;
}
