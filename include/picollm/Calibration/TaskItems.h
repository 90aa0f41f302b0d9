//===- TaskItems.h - prompts and their answers ------------------*- C++ -*-===//
//
// A file of JSON lines, an object each: {"prompt": "...", "answer": "..."}.
// Both are raw text and joined as they are: a space between them is written by
// whoever writes the file. Of multiple choice an item also has "choices":
// ["...", ...], continuations of the prompt as the answer is, and
// "answer_index", from 0, the one that is the answer. Other members are
// ignored, as are empty lines.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_CALIBRATION_TASKITEMS_H
#define PICOLLM_CALIBRATION_TASKITEMS_H

#include "picollm/Calibration/Texts.h"

namespace picollm {

/// What a model is given, and what it should say.
struct TaskItem {
  std::string prompt;               ///< may be empty
  std::string answer;               ///< is not empty
  std::vector<std::string> choices; ///< none, or two at least, none empty
  int64_t answerIndex = 0;          ///< of `choices`, where there are some
  std::string place;                ///< for messages: "items.jsonl: line 3"
};

/// Fails where a line is no item, naming it, and where there is none at all.
/// `path` is for messages.
llvm::Expected<std::vector<TaskItem>> parseTaskItems(llvm::StringRef text,
                                                     llvm::StringRef path);

/// The same of a file.
llvm::Expected<std::vector<TaskItem>> readTaskItems(llvm::StringRef path);

/// Tokens of an item.
struct ItemTokens {
  std::vector<int32_t> tokens; ///< prompt and answer
  int64_t prompt = 0;          ///< how many are the prompt's; at least one
};

/// Prompt and `answer`, which is the item's or one of its choices, are split
/// into tokens together. The answer begins with the first token that the prompt
/// alone does not have there, the second at the earliest, as nothing predicts
/// the first. Of more than `limit` tokens the beginning of the prompt is left
/// out, but not the model's begin token, if it has one. Fails where the answer
/// alone has `limit` tokens or more, and where nothing predicts it.
llvm::Expected<ItemTokens> tokenizeItem(const TaskItem &item,
                                        llvm::StringRef answer,
                                        Tokenize tokenize, int64_t limit);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_TASKITEMS_H
