//===- ModelFile.cpp - the file formats that can be opened ----------------===//

#include "picollm/Import/ModelFile.h"
#include "Formats.h"
#include "llvm/Support/FileSystem.h"

using namespace picollm;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;

ModelFile::~ModelFile() = default;

namespace {
struct Format {
  llvm::StringLiteral name;
  /// Whether a file that starts with these (up to 16) bytes is of this format.
  bool (*recognises)(StringRef start);
  Expected<std::unique_ptr<ModelFile>> (*open)(StringRef path);
};
} // namespace

static constexpr Format formats[] = {
    {"GGUF", isGGUF, openGGUFModel},
};

Expected<std::unique_ptr<ModelFile>> picollm::openModelFile(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return createStringError(error,
                             path + ": cannot be read: " + error.message());
  if (llvm::sys::fs::is_directory(status) && isHuggingFaceFolder(path))
    return openHuggingFaceModel(path);
  if (!llvm::sys::fs::is_regular_file(status))
    return createStringError(path + ": is neither a file nor a folder with "
                                    "config.json; expected a model as a GGUF "
                                    "file or a Hugging Face folder");
  if (path.ends_with(".safetensors"))
    return createStringError(path + ": holds only tensors; give the folder in "
                                    "which it lies, with config.json");
  auto start = llvm::MemoryBuffer::getFileSlice(
      path, std::min<uint64_t>(status.getSize(), 16), 0);
  if (!start)
    return createStringError(start.getError(), path + ": cannot be read: " +
                                                   start.getError().message());
  std::string known;
  for (const Format &format : formats) {
    if (format.recognises((*start)->getBuffer()))
      return format.open(path);
    known += (known.empty() ? "" : ", ") + format.name.str();
  }
  return createStringError(path +
                           ": is not a model file of a known format; "
                           "known: " +
                           known + ", and folders of Hugging Face");
}
