//===- ReadFile.cpp - the bytes of a file ---------------------------------===//

#include "picollm/Support/ReadFile.h"

using namespace picollm;

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
picollm::readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  return std::move(*buffer);
}
