//===- FileSample.cpp - large files told apart quickly --------------------===//

#include "picollm/Support/FileSample.h"
#include "picollm/Support/ReadFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;

llvm::Error picollm::addSample(llvm::SHA256 &hash, llvm::StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef bytes = (*buffer)->getBuffer();
  constexpr size_t piece = 65536, pieces = 64;
  hash.update(llvm::utostr(bytes.size()));
  for (size_t i = 0; i <= pieces; ++i)
    hash.update(bytes.substr(bytes.size() / pieces * i, piece));
  return llvm::Error::success();
}
