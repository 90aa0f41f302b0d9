//===- TaskItemsTest.cpp - prompts and answers from files -----------------===//

#include "picollm/Calibration/TaskItems.h"
#include <gtest/gtest.h>

using namespace picollm;

static std::vector<TaskItem> parse(llvm::StringRef text) {
  auto items = parseTaskItems(text, "items");
  if (items)
    return std::move(*items);
  ADD_FAILURE() << llvm::toString(items.takeError());
  return {};
}

static std::string refusal(llvm::StringRef text) {
  auto items = parseTaskItems(text, "items");
  return items ? "" : llvm::toString(items.takeError());
}

TEST(TaskItems, AreReadLineByLine) {
  auto items = parse("{\"prompt\": \"2 + 2 =\", \"answer\": \" 4\"}\r\n"
                     "\n"
                     "{\"answer\": \"\xc3\xa9\", \"prompt\": \"\", \"id\": 7}");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].prompt, "2 + 2 =");
  EXPECT_EQ(items[0].answer, " 4");
  EXPECT_TRUE(items[0].choices.empty());
  EXPECT_EQ(items[0].place, "items: line 1");
  EXPECT_EQ(items[1].prompt, "");
  EXPECT_EQ(items[1].answer, "\xc3\xa9");
  EXPECT_EQ(items[1].place, "items: line 3");
}

TEST(TaskItems, MayHaveChoices) {
  auto items = parse(R"({"prompt": "p", "answer": "b",)"
                     R"( "choices": ["a", "b"], "answer_index": 1})");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].choices, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(items[0].answerIndex, 1);
}

TEST(TaskItems, WhatIsNoItemIsRefusedByItsLine) {
  const std::string good = R"({"prompt": "p", "answer": "a"})"
                           "\n";
  EXPECT_EQ(refusal(good + "{\"prompt\": "),
            "items: line 2: is no valid JSON at byte 12; it is damaged or was "
            "cut short");
  EXPECT_EQ(refusal(good + "\n[1]"),
            "items: line 3: is an array, expected an object");
  EXPECT_EQ(refusal(R"({"prompt": "p"})"),
            "items: line 1: 'answer' is missing; expected {\"prompt\": "
            "\"...\", \"answer\": \"...\"}");
  EXPECT_EQ(refusal(R"({"prompt": 3, "answer": "a"})"),
            "items: line 1: 'prompt' is a whole number, expected a string");
  EXPECT_EQ(refusal(R"({"prompt": "p", "answer": ""})"),
            "items: line 1: 'answer' is empty; expected what the model should "
            "say");
  EXPECT_EQ(refusal("{\"prompt\": \"\xff\", \"answer\": \"a\"}"),
            "items: line 1: is no valid UTF-8; save the file in that encoding");
  EXPECT_EQ(refusal(R"({"prompt": "p", "prompt": "q", "answer": "a"})"),
            "items: line 1: names the member 'prompt' twice");
  EXPECT_NE(refusal(std::string(100000, '[')).find("more than 64 deep"),
            std::string::npos);
}

TEST(TaskItems, AFileWithoutItemsIsRefused) {
  for (const char *text : {"", "\n", " \r\n\n"})
    EXPECT_EQ(refusal(text), "items: holds no items; expected {\"prompt\": "
                             "\"...\", \"answer\": \"...\"} on each line");
  auto missing = readTaskItems("/nowhere/items.jsonl");
  ASSERT_FALSE(bool(missing));
  EXPECT_NE(llvm::toString(missing.takeError()).find("cannot be read"),
            std::string::npos);
}

TEST(TaskItems, ChoicesMustHoldTheAnswer) {
  auto of = [](const char *rest) {
    return refusal((R"({"prompt": "p", "answer": "a", )" + std::string(rest)) +
                   "}");
  };
  EXPECT_NE(of(R"("choices": ["a", "b"])").find("one is missing"),
            std::string::npos);
  EXPECT_NE(of(R"("answer_index": 0)").find("one is missing"),
            std::string::npos);
  EXPECT_NE(of(R"("choices": ["a"], "answer_index": 0)").find("holds 1 texts"),
            std::string::npos);
  EXPECT_NE(of(R"("choices": ["a", 1], "answer_index": 0)")
                .find("holds a whole number, expected texts"),
            std::string::npos);
  EXPECT_NE(of(R"("choices": ["a", ""], "answer_index": 0)")
                .find("holds an empty string"),
            std::string::npos);
  for (const char *index : {"2", "-1"})
    EXPECT_NE(
        of((R"("choices": ["a", "b"], "answer_index": )" + std::string(index))
               .c_str())
            .find("expected 0 to 1, one of 'choices'"),
        std::string::npos);
  EXPECT_NE(of(R"("choices": ["a", "b"], "answer_index": "0")")
                .find("expected a whole number"),
            std::string::npos);
  EXPECT_NE(of(R"("choices": ["a", "b"], "answer_index": 1)")
                .find("choice 1 is 'b', but the answer 'a'"),
            std::string::npos);
}

namespace {
/// A token for each byte, but one, 1000, for "ab"; a begin token, 500, where
/// `begins`.
struct Splitter {
  bool begins = false;
  llvm::Expected<std::vector<int32_t>> operator()(llvm::StringRef text) const {
    std::vector<int32_t> tokens;
    if (begins)
      tokens.push_back(500);
    while (!text.empty())
      if (text.consume_front("ab")) {
        tokens.push_back(1000);
      } else {
        tokens.push_back(text.front());
        text = text.drop_front();
      }
    return tokens;
  }
};
} // namespace

static ItemTokens tokenize(llvm::StringRef prompt, llvm::StringRef answer,
                           Splitter splitter, int64_t limit = 1024) {
  TaskItem item;
  item.prompt = prompt.str();
  auto tokens = tokenizeItem(item, answer, splitter, limit);
  if (tokens)
    return std::move(*tokens);
  ADD_FAILURE() << llvm::toString(tokens.takeError());
  return {};
}

static std::string tokenRefusal(llvm::StringRef prompt, llvm::StringRef answer,
                                Splitter splitter, int64_t limit) {
  TaskItem item;
  item.prompt = prompt.str();
  item.place = "items: line 7";
  auto tokens = tokenizeItem(item, answer, splitter, limit);
  return tokens ? "" : llvm::toString(tokens.takeError());
}

using Tokens = std::vector<int32_t>;

TEST(TokenizeItem, TheAnswerBeginsBehindThePrompt) {
  for (bool begins : {false, true}) {
    ItemTokens item = tokenize("xy", "z", {begins});
    Tokens expected{'x', 'y', 'z'};
    if (begins)
      expected.insert(expected.begin(), 500);
    EXPECT_EQ(item.tokens, expected);
    EXPECT_EQ(item.prompt, begins ? 3 : 2);
  }
}

/// The token that holds the end of the prompt and the beginning of the answer
/// is predicted from what the prompt surely has.
TEST(TokenizeItem, ATokenAcrossTheBorderIsTheAnswers) {
  ItemTokens item = tokenize("xa", "bz", {});
  EXPECT_EQ(item.tokens, (Tokens{'x', 1000, 'z'}));
  EXPECT_EQ(item.prompt, 1);
}

TEST(TokenizeItem, NothingPredictsTheFirstToken) {
  ItemTokens item = tokenize("", "xyz", {});
  EXPECT_EQ(item.tokens, (Tokens{'x', 'y', 'z'}));
  EXPECT_EQ(item.prompt, 1);
  item = tokenize("", "x", {true});
  EXPECT_EQ(item.tokens, (Tokens{500, 'x'}));
  EXPECT_EQ(item.prompt, 1);
  for (auto [prompt, answer] : {std::pair("", "x"), std::pair("a", "b")})
    EXPECT_EQ(tokenRefusal(prompt, answer, {}, 1024),
              "items: line 7: prompt and answer are one token, which nothing "
              "predicts, since the model has no begin token; give a longer "
              "prompt");
}

TEST(TokenizeItem, TheBeginningOfALongPromptIsLeftOut) {
  ItemTokens item = tokenize("uvwxy", "zz", {}, 5);
  EXPECT_EQ(item.tokens, (Tokens{'w', 'x', 'y', 'z', 'z'}));
  EXPECT_EQ(item.prompt, 3);
  item = tokenize("uvwxy", "zz", {true}, 5);
  EXPECT_EQ(item.tokens, (Tokens{500, 'x', 'y', 'z', 'z'}));
  EXPECT_EQ(item.prompt, 3);
  item = tokenize("uvwxy", "zzzz", {true}, 5);
  EXPECT_EQ(item.tokens, (Tokens{500, 'z', 'z', 'z', 'z'}));
  EXPECT_EQ(item.prompt, 1);
}

TEST(TokenizeItem, ALongAnswerIsRefused) {
  EXPECT_EQ(tokenize("x", "zzzz", {}, 5).tokens.size(), 5u);
  EXPECT_EQ(tokenRefusal("x", "zzzzz", {}, 5),
            "items: line 7: an answer has 5 tokens, expected at most 4, which "
            "with one to predict the first from are all that are run; shorten "
            "it");
}

TEST(TokenizeItem, ErrorsOfTheTokenizerComeThrough) {
  TaskItem item;
  auto tokens = tokenizeItem(
      item, "a",
      [](llvm::StringRef) -> llvm::Expected<Tokens> {
        return llvm::createStringError("no tokenizer");
      },
      10);
  ASSERT_FALSE(bool(tokens));
  EXPECT_EQ(llvm::toString(tokens.takeError()), "no tokenizer");
}
