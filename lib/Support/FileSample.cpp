//===- FileSample.cpp - large files told apart quickly --------------------===//

#include "picollm/Support/FileSample.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace picollm;

llvm::Error picollm::addSample(llvm::SHA256 &hash, llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  llvm::StringRef bytes = (*buffer)->getBuffer();
  constexpr size_t piece = 65536, pieces = 64;
  hash.update(llvm::utostr(bytes.size()));
  for (size_t i = 0; i <= pieces; ++i)
    hash.update(bytes.substr(bytes.size() / pieces * i, piece));
  return llvm::Error::success();
}
