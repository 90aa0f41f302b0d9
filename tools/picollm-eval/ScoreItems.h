//===- ScoreItems.h - how well models answer --------------------*- C++ -*-===//

#ifndef PICOLLM_TOOLS_EVAL_SCOREITEMS_H
#define PICOLLM_TOOLS_EVAL_SCOREITEMS_H

#include "LanguageModel.h"
#include "picollm/Calibration/TaskItems.h"

namespace picollm {

/// Over all items.
struct ItemScore {
  double answerLoss = 0; ///< negative log-likelihood, nats per answer token
  int64_t items = 0;
  int64_t answerTokens = 0;
  int64_t choiceItems = 0; ///< that have choices
  /// The share of these whose answer is, by the model, more likely than every
  /// other choice: by the log-likelihood per byte of its text.
  double accuracy = 0;
  /// Beside a reference, over answer tokens: the mean Kullback-Leibler
  /// divergence of the model's predictions from it, in nats, and the share for
  /// which both find the same token most probable.
  double divergence = 0, agreement = 0;
};

/// Scores several models on items. With `compare`, the first is the reference
/// of all, and its own accuracy is not asked for. Fails where tokenizeItem
/// does, and where a model splits an answer into other tokens than the first or
/// has another vocabulary.
llvm::Expected<std::vector<ItemScore>>
scoreItems(llvm::ArrayRef<LanguageModel *> models,
           llvm::ArrayRef<TaskItem> items, bool compare);

} // namespace picollm

#endif // PICOLLM_TOOLS_EVAL_SCOREITEMS_H
