//===- Header.h - the C header of a compiled model --------------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_HEADER_H
#define PICOLLM_LIB_PIPELINES_HEADER_H

#include "llvm/Support/Error.h"
#include <string>

namespace picollm {

/// What a model's header says.
struct HeaderFacts {
  std::string name; ///< of the library
  std::string architecture;
  std::string triple;
  int64_t weights;
  double bitsPerWeight;
  int64_t vocabulary;
  int64_t context;
  bool bundle;
};

/// Writes the header <name>.h: C99 and C++.
llvm::Error writeHeader(const HeaderFacts &facts, llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_HEADER_H
