//===- RegexFuzzer.cpp - splitters of any patterns ------------------------===//
//
// A line of the input is a pattern. What compiles must be a table whose entries
// stay inside it.
//
//===----------------------------------------------------------------------===//

#include "Automaton.h"
#include "Require.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;

static void check(const SplitterTables &tables) {
  const size_t columns = tables.classes.count + 1;
  require(tables.classes.count >= 1 && tables.classes.count <= 256,
          "a wrong number of classes");
  size_t rows = 0;
  for (const picollm_tokenizer_stage &stage : tables.stages) {
    require(stage.first_state == rows && stage.states >= 2 &&
                stage.states <= PICOLLM_TOKENIZER_ACCEPT,
            "a stage of a wrong size");
    for (size_t i = 0; i < stage.states * columns; ++i)
      require((tables.transitions[rows * columns + i] &
               ~PICOLLM_TOKENIZER_ACCEPT) < stage.states,
              "a transition out of its stage");
    rows += stage.states;
  }
  require(tables.transitions.size() == rows * columns, "a wrong table");
}

/// A number of three digits.
static bool repeatsOften(llvm::StringRef text) {
  size_t digits = 0;
  for (char c : text) {
    digits = llvm::isDigit(c) ? digits + 1 : 0;
    if (digits == 3)
      return true;
  }
  return false;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  // Longer ones and more repetitions say nothing new, only slower.
  if (size > 120 || repeatsOften(text))
    return -1;
  llvm::SmallVector<llvm::StringRef> patterns;
  text.split(patterns, '\n');
  auto tables = compileSplitter(patterns);
  if (tables)
    check(*tables);
  else
    requireSentence(tables.takeError());
  return 0;
}
