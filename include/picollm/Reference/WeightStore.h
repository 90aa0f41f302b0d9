//===- WeightStore.h - the weights of a model, decoded as needed *- C++ -*-===//

#ifndef PICOLLM_REFERENCE_WEIGHTSTORE_H
#define PICOLLM_REFERENCE_WEIGHTSTORE_H

#include "picollm/Import/WeightReader.h"
#include "picollm/Reference/Matrix.h"
#include "llvm/ADT/StringMap.h"
#include <memory>

namespace picollm {

/// Decodes weights by name. Decoded ones are kept, in the order of their first
/// use, while they fit a budget; others are decoded again, tile by tile, at
/// each use, so a model of any size can be evaluated. Weights can be replaced
/// by other floats. Not safe to change while it is used.
class WeightStore {
public:
  /// `reader` must outlive the store; `budget` in bytes of decoded floats.
  WeightStore(WeightReader &reader, int64_t budget)
      : reader(reader), budget(budget) {}

  void add(WeightSource source);

  /// Null if there is no such weight.
  const WeightSource *find(llvm::StringRef name) const;

  /// The whole weight, rows x columns; kept if it fits the budget.
  llvm::Expected<std::shared_ptr<const Matrix>> get(llvm::StringRef name);

  /// x W^T (see Ops.h) without decoding W as a whole if it exceeds the budget.
  llvm::Expected<Matrix> linear(const Matrix &x, llvm::StringRef name);

  /// Rows of the weight; every token must be one of them.
  llvm::Expected<Matrix> embedding(llvm::StringRef name,
                                   llvm::ArrayRef<int32_t> tokens);

  /// From now on the weight has these values (rows x columns floats), which
  /// are outside the budget, until `restore`.
  llvm::Error replace(llvm::StringRef name, std::vector<float> values);

  /// Undoes `replace`.
  void restore(llvm::StringRef name);

  /// Forgets the decoded floats of a weight, for room in the budget.
  void release(llvm::StringRef name);

private:
  struct Entry {
    WeightSource source;
    std::shared_ptr<const Matrix> decoded, replacement;
  };
  llvm::Expected<Entry *> entry(llvm::StringRef name);
  llvm::Expected<std::shared_ptr<const Matrix>> decode(const Entry &entry);
  /// The weight in memory: replaced, kept, or kept from now on; else null.
  llvm::Expected<std::shared_ptr<const Matrix>> resident(Entry &entry);

  WeightReader &reader;
  int64_t budget;
  int64_t used = 0;
  llvm::StringMap<Entry> entries;
};

} // namespace picollm

#endif // PICOLLM_REFERENCE_WEIGHTSTORE_H
