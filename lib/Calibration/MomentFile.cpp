//===- MomentFile.cpp - second moments on disk ----------------------------===//
//
// Records of: length of the name (u32), name, columns (u64), the rows of the
// lower triangle, row i with i + 1 floats.
//
//===----------------------------------------------------------------------===//

#include "picollm/Calibration/MomentFile.h"
#include "llvm/Support/FileSystem.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;

Error MomentFile::failure(llvm::StringRef what) const {
  return llvm::createStringError(path + ": " + what);
}

MomentFile::~MomentFile() {
  if (file)
    std::fclose(file);
}

Expected<std::unique_ptr<MomentFile>> MomentFile::create(llvm::StringRef path) {
  std::FILE *file = std::fopen(path.str().c_str(), "w+b");
  std::unique_ptr<MomentFile> moments(new MomentFile(file, path));
  if (!file)
    return moments->failure("cannot be created");
  return moments;
}

Expected<std::unique_ptr<MomentFile>> MomentFile::open(llvm::StringRef path) {
  std::FILE *file = std::fopen(path.str().c_str(), "rb");
  std::unique_ptr<MomentFile> moments(new MomentFile(file, path));
  if (!file)
    return moments->failure("cannot be read");
  Expected<int64_t> whole = moments->readIndex();
  if (!whole)
    return whole.takeError();
  if (*whole != moments->size())
    return moments->failure("is no whole file of moments");
  return moments;
}

Expected<std::unique_ptr<MomentFile>> MomentFile::reopen(llvm::StringRef path) {
  std::FILE *file = std::fopen(path.str().c_str(), "r+b");
  if (!file)
    return create(path);
  std::unique_ptr<MomentFile> moments(new MomentFile(file, path));
  Expected<int64_t> whole = moments->readIndex();
  if (!whole)
    return whole.takeError();
  if (llvm::sys::fs::resize_file(fileno(file), *whole) ||
      std::fseek(file, *whole, SEEK_SET))
    return moments->failure("cannot be written");
  return moments;
}

static int64_t triangleBytes(int64_t columns) {
  return columns * (columns + 1) / 2 * int64_t(sizeof(float));
}

int64_t MomentFile::size() const {
  return std::fseek(file, 0, SEEK_END) ? 0 : std::ftell(file);
}

/// The bytes that whole moments take.
Expected<int64_t> MomentFile::readIndex() {
  // Far above every model's, so small that sizes fit int64_t.
  constexpr uint64_t mostColumns = uint64_t(1) << 24;
  const int64_t fileBytes = size();
  for (int64_t end = 0;; end = std::ftell(file)) {
    uint32_t length = 0;
    uint64_t columns = 0;
    if (std::fseek(file, end, SEEK_SET) ||
        std::fread(&length, sizeof length, 1, file) != 1)
      return end;
    std::string name(std::min<uint32_t>(length, 1 << 16), 0);
    if (std::fread(name.data(), 1, name.size(), file) != name.size() ||
        std::fread(&columns, sizeof columns, 1, file) != 1)
      return end;
    const int64_t offset = std::ftell(file);
    if (columns > mostColumns || triangleBytes(columns) > fileBytes - offset)
      return end;
    entries[name] = {offset, int64_t(columns)};
    if (std::fseek(file, offset + triangleBytes(columns), SEEK_SET))
      return failure("cannot be read");
  }
}

Error MomentFile::append(llvm::StringRef name, const SecondMoment &moment) {
  const uint32_t length = uint32_t(name.size());
  const uint64_t columns = uint64_t(moment.columns);
  // Behind the others, wherever the last reading was.
  bool written = std::fseek(file, 0, SEEK_END) == 0 &&
                 std::fwrite(&length, sizeof length, 1, file) == 1 &&
                 std::fwrite(name.data(), 1, length, file) == length &&
                 std::fwrite(&columns, sizeof columns, 1, file) == 1;
  entries[name] = {std::ftell(file), moment.columns};
  for (int64_t i = 0; i < moment.columns && written; ++i)
    written = std::fwrite(moment.values.data() + i * moment.columns,
                          sizeof(float), i + 1, file) == size_t(i + 1);
  return written ? Error::success()
                 : failure("cannot be written; free space on its disk");
}

Expected<std::vector<float>> MomentFile::read(llvm::StringRef name) {
  auto found = entries.find(name);
  if (found == entries.end())
    return failure("has no moment of '" + name.str() + "'");
  const auto [offset, columns] = found->second;
  std::vector<float> values(columns * columns);
  bool isRead = std::fseek(file, offset, SEEK_SET) == 0;
  for (int64_t i = 0; i < columns && isRead; ++i) {
    float *row = values.data() + i * columns;
    isRead = std::fread(row, sizeof(float), i + 1, file) == size_t(i + 1);
    for (int64_t j = 0; j < i; ++j)
      values[j * columns + i] = row[j];
  }
  if (!isRead)
    return failure("ends inside the moment of '" + name.str() + "'");
  return values;
}

Error MomentFile::finish() {
  return std::fflush(file)
             ? failure("cannot be written; free space on its disk")
             : Error::success();
}
