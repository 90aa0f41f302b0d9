//===- PackedWeights.cpp - the packed matrices of a weight file -----------===//

#include "picollm/Reference/PackedWeights.h"
#include "picollm/Packing/PackMatrix.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace picollm;
using llvm::Expected;

void PackedWeights::add(llvm::StringRef name, std::string file, int64_t offset,
                        MatrixLayout layout) {
  entries[name] = {std::move(file), offset, std::move(layout), nullptr};
}

Expected<std::shared_ptr<const QuantizedMatrix>>
PackedWeights::get(llvm::StringRef name) {
  auto it = entries.find(name);
  if (it == entries.end())
    return llvm::createStringError("packed weight '" + name +
                                   "' does not exist");
  Entry &entry = it->second;
  if (entry.unpacked)
    return entry.unpacked;
  if (llvm::Error error = checkLayout(entry.layout))
    return std::move(error);
  int64_t bytes = matrixBytes(entry.layout);
  // A slice beyond the end would be filled with zeros, or be a signal.
  uint64_t fileBytes;
  if (std::error_code code = llvm::sys::fs::file_size(entry.file, fileBytes))
    return llvm::createStringError(entry.file +
                                   ": cannot be read: " + code.message());
  if (fileBytes < uint64_t(entry.offset + bytes))
    return llvm::createStringError(
        entry.file + ": has " + llvm::Twine(fileBytes) + " bytes but weight '" +
        name + "' ends at " + llvm::Twine(entry.offset + bytes) +
        "; compile the model again");
  auto buffer =
      llvm::MemoryBuffer::getFileSlice(entry.file, bytes, entry.offset);
  if (!buffer)
    return llvm::createStringError(
        entry.file + ": cannot be read: " + buffer.getError().message());
  llvm::StringRef content = (*buffer)->getBuffer();
  Expected<QuantizedMatrix> matrix = unpackMatrix(
      entry.layout, llvm::ArrayRef(content.bytes_begin(), content.size()));
  if (!matrix)
    return matrix.takeError();
  auto shared = std::make_shared<const QuantizedMatrix>(std::move(*matrix));
  int64_t size = 2 * entry.layout.rows() * entry.layout.columns;
  if (used + size <= budget) {
    used += size;
    entry.unpacked = shared;
  }
  return shared;
}
