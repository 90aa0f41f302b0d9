//===- ItemsFuzzer.cpp - items of a task of any text ----------------------===//

#include "Require.h"
#include "picollm/Calibration/TaskItems.h"

using namespace picollm;

/// A token for each pair of bytes, so that some lie across prompt and answer.
static llvm::Expected<std::vector<int32_t>> pairs(llvm::StringRef text) {
  std::vector<int32_t> tokens;
  for (; !text.empty();
       text = text.drop_front(std::min<size_t>(2, text.size())))
    tokens.push_back(uint8_t(text.front()) * 256 +
                     uint8_t(text.take_front(2).back()));
  return tokens;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto items = parseTaskItems(text, "items.jsonl");
  if (!items) {
    requireSentence(items.takeError());
    return 0;
  }
  require(!items->empty(), "a file without items");
  const int64_t limit = 16;
  for (const TaskItem &item : *items) {
    require(!item.answer.empty(), "an empty answer");
    if (!item.choices.empty())
      require(item.choices.at(item.answerIndex) == item.answer,
              "choices without the answer");
    auto tokens = tokenizeItem(item, item.answer, pairs, limit);
    if (!tokens) {
      requireSentence(tokens.takeError());
      continue;
    }
    const int64_t count = tokens->tokens.size();
    require(count <= limit, "more tokens than the limit");
    require(tokens->prompt >= 1 && tokens->prompt < count,
            "an answer without tokens, or without a prediction");
  }
  return 0;
}
