//===- Spill.cpp - activations between two stages, on disk ----------------===//

#include "Spill.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/FileSystem.h"

using namespace picollm;
using llvm::Error;

Error Spill::failure(llvm::StringRef what) const {
  if (!path.empty())
    return llvm::createStringError(path + ": " + what +
                                   "; free space on its disk");
  return llvm::createStringError(
      "temporary file of calibration " + what +
      "; free space in the temporary folder or set TMPDIR to another");
}

llvm::Expected<std::unique_ptr<Spill>> Spill::create(const std::string &path) {
  llvm::SmallString<128> name(path);
  std::unique_ptr<Spill> spill(new Spill(nullptr, path));
  if (path.empty() &&
      llvm::sys::fs::createTemporaryFile("picollm-calibration", "spill", name))
    return spill->failure("cannot be created");
  spill->file = std::fopen(name.c_str(), "w+b");
  if (!spill->file)
    return spill->failure("cannot be created");
  // Where the system lets an open file go without its name, a process that is
  // killed leaves nothing behind.
  if (path.empty())
    llvm::sys::fs::remove(name);
  return spill;
}

llvm::Expected<std::unique_ptr<Spill>> Spill::open(const std::string &path) {
  std::unique_ptr<Spill> spill(new Spill(std::fopen(path.c_str(), "rb"), path));
  if (!spill->file)
    return llvm::createStringError(path + ": cannot be read");
  return spill;
}

void Spill::remove() {
  if (!path.empty())
    llvm::sys::fs::remove(path);
}

Spill::~Spill() {
  if (file)
    std::fclose(file);
}

Error Spill::write(llvm::ArrayRef<mlir::Value> values, Evaluation &evaluation) {
  for (mlir::Value value : values) {
    const std::vector<float> &data = evaluation.matrix(value).data;
    if (std::fwrite(data.data(), sizeof(float), data.size(), file) !=
        data.size())
      return failure("cannot be written");
  }
  return Error::success();
}

Error Spill::read(llvm::ArrayRef<mlir::Value> values, int64_t rows,
                  Evaluation &evaluation) {
  for (mlir::Value value : values) {
    Matrix matrix(rows,
                  llvm::cast<mlir::ShapedType>(value.getType()).getDimSize(1));
    if (std::fread(matrix.data.data(), sizeof(float), matrix.data.size(),
                   file) != matrix.data.size())
      return failure("cannot be read back");
    evaluation.values[value] = std::move(matrix);
  }
  return Error::success();
}

Error Spill::rewind() {
  if (std::fflush(file) || std::fseek(file, 0, SEEK_SET))
    return failure("cannot be read back");
  return Error::success();
}
