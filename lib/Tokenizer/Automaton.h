//===- Automaton.h - patterns as tables of states ---------------*- C++ -*-===//

#ifndef PICOLLM_LIB_TOKENIZER_AUTOMATON_H
#define PICOLLM_LIB_TOKENIZER_AUTOMATON_H

#include "CodePointClasses.h"
#include "picollm/tokenizer_file.h"
#include "llvm/ADT/StringRef.h"

namespace picollm {

/// The splitter of a tokenizer, as the sections of its file hold it.
struct SplitterTables {
  CodePointClasses classes;
  std::vector<picollm_tokenizer_stage> stages;
  std::vector<uint16_t> transitions; ///< [states][classes + 1]
};

/// Compiles patterns, each of which splits the pieces of the one before it.
/// The match of a pattern is the one that a backtracking matcher finds: of the
/// alternatives the first, of the repetitions the longest, that lead to a
/// match.
llvm::Expected<SplitterTables>
compileSplitter(llvm::ArrayRef<llvm::StringRef> patterns);

} // namespace picollm

#endif // PICOLLM_LIB_TOKENIZER_AUTOMATON_H
