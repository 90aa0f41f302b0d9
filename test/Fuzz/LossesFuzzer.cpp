//===- LossesFuzzer.cpp - losses.json of any text -------------------------===//

#include "Require.h"
#include "picollm/Compression/LossFile.h"

using namespace picollm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto file = LossFile::parse(text, "losses.json");
  if (!file) {
    requireSentence(file.takeError());
    return 0;
  }
  // What was read is fit for the solver, which may find any budget wrong.
  int64_t weights = 1;
  for (const LossTable &table : file->tables)
    for (int64_t rows : table.rows)
      weights += rows * table.columns;
  for (double bits : {0.1, 4.5, 20.0}) {
    FileBudget budget = FileBudget::ofBits(bits, weights, 4096);
    auto allocation = allocateBits(file->tables, budget);
    if (!allocation)
      requireSentence(allocation.takeError());
    else
      require(allocation->fileBytes <= budget.fileBytes,
              "an allocation above its budget");
  }
  return 0;
}
