//===- TaskItems.cpp - prompts and their answers --------------------------===//

#include "picollm/Calibration/TaskItems.h"
#include "picollm/Support/Json.h"
#include "picollm/Support/Quote.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include <algorithm>

using namespace picollm;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

static constexpr const char *form =
    R"(expected {"prompt": "...", "answer": "..."})";

/// Nothing where it is absent or no string, which `reader` knows.
static std::string readString(JsonReader &reader, StringRef key) {
  if (!reader.has(key))
    reader.fail(quote(key) + " is missing; " + form);
  return reader.string(key).value_or("");
}

static void readChoices(JsonReader &reader, TaskItem &item) {
  if (reader.has("choices") != reader.has("answer_index"))
    return reader.fail("of 'choices' and 'answer_index' one is missing; give "
                       "both or neither");
  const Json *choices = reader.array("choices");
  if (!choices)
    return;
  for (const Json &choice : *choices) {
    if (!choice.is_string() || choice.get_ref<const std::string &>().empty())
      return reader.fail(
          Twine("'choices' holds ") +
          (choice.is_string() ? "an empty string" : describeType(choice)) +
          ", expected texts");
    item.choices.push_back(choice.get_ref<const std::string &>());
  }
  const int64_t count = item.choices.size();
  if (count < 2)
    return reader.fail("'choices' holds " + Twine(count) +
                       " texts, expected two at least");
  item.answerIndex = reader.integer("answer_index").value_or(0);
  if (reader.failed())
    return;
  if (item.answerIndex < 0 || item.answerIndex >= count)
    return reader.fail("'answer_index' is " + Twine(item.answerIndex) +
                       ", expected 0 to " + Twine(count - 1) +
                       ", one of 'choices'");
  if (item.choices[item.answerIndex] != item.answer)
    reader.fail("choice " + Twine(item.answerIndex) + " is " +
                quote(item.choices[item.answerIndex]) + ", but the answer " +
                quote(item.answer) + "; expected the same text");
}

static Expected<TaskItem> parseItem(StringRef line, std::string place) {
  if (!llvm::json::isUTF8(line))
    return llvm::createStringError(
        place + ": is no valid UTF-8; save the file in that encoding");
  Expected<Json> json = parseJson(line, place + ":");
  if (!json)
    return json.takeError();
  std::string error;
  JsonReader reader(&*json, place, error);
  TaskItem item;
  item.place = std::move(place);
  item.prompt = readString(reader, "prompt");
  item.answer = readString(reader, "answer");
  if (item.answer.empty())
    reader.fail("'answer' is empty; expected what the model should say");
  readChoices(reader, item);
  if (reader.failed())
    return llvm::createStringError(error);
  return item;
}

Expected<std::vector<TaskItem>> picollm::parseTaskItems(StringRef text,
                                                        StringRef path) {
  std::vector<TaskItem> items;
  for (int64_t number = 1; !text.empty(); ++number) {
    auto [line, rest] = text.split('\n');
    text = rest;
    if (line.trim().empty())
      continue;
    Expected<TaskItem> item =
        parseItem(line, (path + ": line " + Twine(number)).str());
    if (!item)
      return item.takeError();
    items.push_back(std::move(*item));
  }
  if (items.empty())
    return llvm::createStringError(path + ": holds no items; " + form +
                                   " on each line");
  return items;
}

Expected<std::vector<TaskItem>> picollm::readTaskItems(StringRef path) {
  Expected<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  return parseTaskItems(*text, path);
}

Expected<ItemTokens> picollm::tokenizeItem(const TaskItem &item,
                                           StringRef answer, Tokenize tokenize,
                                           int64_t limit) {
  auto failure = [&](const Twine &what) {
    return llvm::createStringError(item.place + ": " + what);
  };
  Expected<std::vector<int32_t>> begin = tokenize("");
  if (!begin)
    return begin.takeError();
  Expected<std::vector<int32_t>> prompt = tokenize(item.prompt);
  if (!prompt)
    return prompt.takeError();
  Expected<std::vector<int32_t>> whole = tokenize(item.prompt + answer.str());
  if (!whole)
    return whole.takeError();
  ItemTokens result;
  result.tokens = std::move(*whole);
  std::vector<int32_t> &tokens = result.tokens;
  const int64_t shared = std::mismatch(prompt->begin(), prompt->end(),
                                       tokens.begin(), tokens.end())
                             .second -
                         tokens.begin();
  result.prompt = std::max<int64_t>(shared, 1);
  const int64_t answerTokens = int64_t(tokens.size()) - result.prompt;
  if (answerTokens <= 0)
    return failure("prompt and answer are one token, which nothing predicts, "
                   "since the model has no begin token; give a longer prompt");
  if (answerTokens >= limit)
    return failure("an answer has " + Twine(answerTokens) +
                   " tokens, expected at most " + Twine(limit - 1) +
                   ", which with one to predict the first from are all that "
                   "are run; shorten it");
  if (const int64_t more = int64_t(tokens.size()) - limit; more > 0) {
    auto first = tokens.begin() + begin->size();
    tokens.erase(first, first + more);
    result.prompt -= more;
  }
  return result;
}
