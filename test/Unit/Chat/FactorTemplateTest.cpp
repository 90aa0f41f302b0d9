//===- FactorTemplateTest.cpp - templates written in C++ ------------------===//

#include "picollm/Chat/ChatTemplate.h"
#include "llvm/ADT/StringExtras.h"
#include <functional>
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// Factors a function that writes one dialog, or throws its complaint.
llvm::Expected<ChatFormat>
factor(const std::function<std::string(const Dialog &)> &write) {
  return factorChatTemplate([&](llvm::ArrayRef<Dialog> dialogs)
                                -> llvm::Expected<std::vector<RenderedDialog>> {
    std::vector<RenderedDialog> rendered;
    for (const Dialog &dialog : dialogs) {
      std::string text = write(dialog);
      bool isError = llvm::StringRef(text).starts_with("error ");
      rendered.push_back(isError ? RenderedDialog{"", text.substr(6)}
                                 : RenderedDialog{text, ""});
    }
    return rendered;
  });
}

std::string refusal(const std::function<std::string(const Dialog &)> &write) {
  auto format = factor(write);
  return format ? "" : llvm::toString(format.takeError());
}

std::string textOf(const ChatFormat &format, size_t gap) {
  return format.text.substr(format.gaps[gap].text_offset,
                            format.gaps[gap].text_bytes);
}

std::string plain(const Dialog &dialog) {
  std::string text = "(";
  for (const ChatMessage &message : dialog)
    text += message.role[0] + message.content + ";";
  return text + ")";
}

TEST(FactorTemplate, FindsTheTextOfEachGap) {
  auto format = factor(plain);
  ASSERT_TRUE(bool(format)) << llvm::toString(format.takeError());
  EXPECT_EQ(format->refusal, "");
  EXPECT_EQ(format->systemRefusal, "");
  EXPECT_EQ(format->flags, 0u);
  ASSERT_EQ(format->gaps.size(), 2u * PICOLLM_CHAT_GAPS);
  EXPECT_EQ(textOf(*format, PICOLLM_CHAT_BEGIN), "(u");
  EXPECT_EQ(textOf(*format, PICOLLM_CHAT_BEGIN_LAST), "(u");
  EXPECT_EQ(textOf(*format, PICOLLM_CHAT_FIRST_ANSWER), ";a");
  EXPECT_EQ(textOf(*format, PICOLLM_CHAT_NEXT_LAST), ";u");
  EXPECT_EQ(textOf(*format, PICOLLM_CHAT_END), ";)");
  const picollm_chat_gap &system =
      format->gaps[PICOLLM_CHAT_GAPS + PICOLLM_CHAT_BEGIN];
  EXPECT_TRUE(system.has_system);
  EXPECT_EQ(format->text.substr(system.text_offset, system.text_bytes), "(s");
  EXPECT_EQ(format->text.substr(system.rest_offset, system.rest_bytes), ";u");
}

TEST(FactorTemplate, FindsWhatIsTrimmedPerPlace) {
  auto format = factor([](const Dialog &dialog) {
    std::string text;
    for (const ChatMessage &message : dialog) {
      llvm::StringRef content = message.content;
      // Only at the end, and of answers only line breaks.
      text +=
          "[" +
          (message.role == "assistant" ? content.rtrim('\n') : content).str() +
          "]";
    }
    return text;
  });
  ASSERT_TRUE(bool(format)) << llvm::toString(format.takeError());
  const auto &gaps = format->gaps;
  EXPECT_EQ(gaps[PICOLLM_CHAT_FIRST_ANSWER].trim_before,
            PICOLLM_CHAT_TRIM_NOTHING);
  EXPECT_EQ(gaps[PICOLLM_CHAT_FIRST_ANSWER].trim_after,
            PICOLLM_CHAT_TRIM_NOTHING);
  EXPECT_EQ(gaps[PICOLLM_CHAT_SECOND].trim_before, PICOLLM_CHAT_TRIM_NEWLINES);
  EXPECT_EQ(gaps[PICOLLM_CHAT_NEXT_LAST].trim_before,
            PICOLLM_CHAT_TRIM_NEWLINES);
}

TEST(FactorTemplate, TheSystemMessageMayBeLeftOut) {
  auto format = factor([](const Dialog &dialog) {
    return plain(dialog[0].role == "system"
                     ? Dialog(dialog.begin() + 1, dialog.end())
                     : dialog);
  });
  ASSERT_TRUE(bool(format)) << llvm::toString(format.takeError());
  EXPECT_EQ(format->systemRefusal, "its chat template leaves it out");
}

TEST(FactorTemplate, RefusesWhatDependsOnContents) {
  // Each is noticed only by dialogs that the text was not found with.
  for (const char *special : {"</think>", "{{", "\u4f60", "<|im_end|>", "\\"}) {
    std::string reason = refusal([&](const Dialog &dialog) {
      for (const ChatMessage &message : dialog)
        if (message.role == "user" &&
            llvm::StringRef(message.content).contains(special))
          return plain(dialog) + "!";
      return plain(dialog);
    });
    EXPECT_NE(reason.find("more than text around each message"),
              std::string::npos)
        << special << ": " << reason;
  }
}

TEST(FactorTemplate, RefusesWhatDependsOnTheNumberOfMessages) {
  EXPECT_NE(refusal([](const Dialog &dialog) {
              return plain(dialog) + (dialog.size() > 9 ? "long" : "");
            }),
            "");
  EXPECT_NE(refusal([](const Dialog &dialog) {
              return plain(dialog) + std::to_string(dialog.size());
            }).find("not the same in longer dialogs"),
            std::string::npos);
}

TEST(FactorTemplate, RefusesOtherOrders) {
  EXPECT_NE(refusal([](const Dialog &dialog) {
              return plain(Dialog(dialog.rbegin(), dialog.rend()));
            }).find("once and in order"),
            std::string::npos);
  EXPECT_NE(refusal([](const Dialog &dialog) {
              return dialog[0].role == "system"
                         ? dialog[0].content + plain(dialog)
                         : plain(dialog);
            }).find("system message"),
            std::string::npos);
}

TEST(FactorTemplate, PassesComplaintsOn) {
  EXPECT_EQ(refusal([](const Dialog &) { return "error never"; }),
            "it refuses a dialog of 1 message: never");
  EXPECT_EQ(refusal([](const Dialog &dialog) {
              return dialog.size() > 2 ? "error one turn only" : plain(dialog);
            }),
            "it refuses a dialog of 3 messages: one turn only");
}

TEST(FactorTemplate, PassesFailuresOfRenderingOn) {
  auto format =
      factorChatTemplate([](llvm::ArrayRef<Dialog>)
                             -> llvm::Expected<std::vector<RenderedDialog>> {
        return llvm::createStringError("no interpreter");
      });
  EXPECT_FALSE(bool(format));
  EXPECT_EQ(llvm::toString(format.takeError()), "no interpreter");
}

TEST(FactorTemplate, BlankMessagesOfAnotherFormAreMarked) {
  auto format = factor([](const Dialog &dialog) {
    Dialog filled;
    for (const ChatMessage &message : dialog)
      if (message.role != "assistant" || message.content != "")
        filled.push_back(message);
    return plain(filled);
  });
  ASSERT_TRUE(bool(format)) << llvm::toString(format.takeError());
  EXPECT_EQ(format->flags, PICOLLM_CHAT_REFUSE_BLANK << 2);
}

} // namespace
