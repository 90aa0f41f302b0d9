//===- WeightReader.cpp - tensors of model files as floats ----------------===//

#include "picollm/Import/WeightReader.h"
#include "picollm/Import/WeightEncoding.h"
#include "llvm/Support/MathExtras.h"
#include <vector>

using namespace picollm;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

Expected<StringRef> WeightReader::map(const std::string &file) {
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<llvm::MemoryBuffer> &buffer = files[file];
  if (!buffer) {
    auto opened = llvm::MemoryBuffer::getFile(file, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    if (!opened)
      return createStringError(opened.getError(), "%s: cannot be read: %s",
                               file.c_str(),
                               opened.getError().message().c_str());
    buffer = std::move(*opened);
  }
  return buffer->getBuffer();
}

/// The row of the file that holds `row` of the weight.
static int64_t storedRow(const WeightSource &source, int64_t row) {
  if (source.interleavedHeads == 0)
    return row;
  int64_t headSize = source.rows / source.interleavedHeads;
  int64_t head = row / headSize, i = row % headSize, half = headSize / 2;
  return head * headSize + (i < half ? 2 * i : 2 * (i - half) + 1);
}

/// Checks that `source` makes sense by itself; the number of bytes of a row.
static Expected<int64_t> checkSource(const WeightSource &source,
                                     const WeightEncoding *encoding) {
  auto fail = [&](const llvm::Twine &what) {
    return createStringError(source.file + ": tensor '" + source.name + "' " +
                             what);
  };
  if (!encoding)
    return fail("has the encoding '" + source.encoding +
                "', which cannot be decoded to floats");
  if (source.rows < 1 || source.columns < 1 ||
      source.columns % encoding->blockElements)
    return fail("has " + llvm::Twine(source.columns) + " columns in " +
                llvm::Twine(source.rows) + " rows; the encoding '" +
                encoding->name + "' needs a positive multiple of " +
                llvm::Twine(encoding->blockElements));
  int64_t blocks = source.columns / encoding->blockElements, rowBytes, bytes;
  if (llvm::MulOverflow(blocks, encoding->blockBytes, rowBytes) ||
      llvm::MulOverflow(rowBytes, source.rows, bytes) || bytes != source.size)
    return fail("has " + llvm::Twine(source.size) +
                " bytes, which is not the "
                "size of " +
                llvm::Twine(source.rows) + " x " + llvm::Twine(source.columns) +
                " numbers in '" + encoding->name + "'");
  int64_t heads = source.interleavedHeads;
  if (heads < 0 ||
      (heads > 0 && (source.rows % heads != 0 || source.rows / heads % 2 != 0)))
    return fail("has " + llvm::Twine(source.rows) + " rows, which " +
                llvm::Twine(heads) + " heads of an even size do not fill");
  return rowBytes;
}

Error WeightReader::readRows(const WeightSource &source, int64_t row,
                             int64_t count, float *out) {
  const WeightEncoding *encoding = findWeightEncoding(source.encoding);
  Expected<int64_t> rowBytes = checkSource(source, encoding);
  if (!rowBytes)
    return rowBytes.takeError();
  if (row < 0 || count < 0 || row > source.rows - count)
    return createStringError(
        "%s: tensor '%s' has %lld rows, but %lld from row %lld on are wanted",
        source.file.c_str(), source.name.c_str(), (long long)source.rows,
        (long long)count, (long long)row);

  Expected<StringRef> bytes = map(source.file);
  if (!bytes)
    return bytes.takeError();
  int64_t fileSize = bytes->size();
  if (source.offset < 0 || source.offset > fileSize ||
      source.size > fileSize - source.offset)
    return createStringError(
        "%s: tensor '%s' lies beyond the end of the file: %lld bytes at "
        "offset %lld, but the file has %lld; it may have been cut short",
        source.file.c_str(), source.name.c_str(), (long long)source.size,
        (long long)source.offset, (long long)fileSize);

  const uint8_t *data = bytes->bytes_begin() + source.offset;
  int64_t blocks = source.columns / encoding->blockElements;
  if (source.interleavedHeads == 0)
    encoding->decode(data + row * *rowBytes, blocks * count, out);
  else
    for (int64_t i = 0; i < count; ++i)
      encoding->decode(data + storedRow(source, row + i) * *rowBytes, blocks,
                       out + i * source.columns);
  if (source.plus != 0)
    for (int64_t i = 0; i < count * source.columns; ++i)
      out[i] += float(source.plus);
  return Error::success();
}

Expected<std::vector<float>> WeightReader::read(const WeightSource &source) {
  // Checked before the memory is asked for: the size is bounded by the file's.
  if (Error error = readRows(source, 0, 0, nullptr))
    return std::move(error);
  std::vector<float> values(source.rows * source.columns);
  if (Error error = readRows(source, 0, source.rows, values.data()))
    return std::move(error);
  return values;
}
