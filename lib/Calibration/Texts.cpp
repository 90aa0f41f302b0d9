//===- Texts.cpp - folders and files of text ------------------------------===//

#include "picollm/Calibration/Texts.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::Expected;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

static llvm::Error failure(StringRef path, const llvm::Twine &what) {
  return llvm::createStringError(path + ": " + what);
}

Expected<std::vector<std::string>> picollm::listTexts(StringRef directory) {
  std::error_code code;
  std::vector<std::string> paths;
  for (fs::directory_iterator it(directory, code), end; it != end && !code;
       it.increment(code)) {
    if (!llvm::sys::path::filename(it->path()).starts_with(".") &&
        fs::is_regular_file(it->path()))
      paths.push_back(it->path());
  }
  if (code)
    return failure(directory, "folder cannot be read: " + code.message());
  if (paths.empty())
    return failure(directory, "folder holds no text files; expected files such "
                              "as 0.txt, 1.txt");
  llvm::sort(paths, [](StringRef a, StringRef b) {
    StringRef nameA = llvm::sys::path::filename(a);
    StringRef nameB = llvm::sys::path::filename(b);
    int order = nameA.compare_numeric(nameB);
    return order ? order < 0 : nameA < nameB;
  });
  return paths;
}

Expected<std::string> picollm::readText(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return failure(path, "cannot be read: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

/// Appends the sequences of one text; of `pieces` all, else the first.
static llvm::Error appendText(StringRef path, Tokenize tokenize, bool pieces,
                              size_t limit, TokenSequences &sequences) {
  Expected<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  Expected<std::vector<int32_t>> tokens = tokenize(*text);
  if (!tokens)
    return tokens.takeError();
  for (size_t first = 0; first < tokens->size() && sequences.size() < limit;
       first += calibrationTokens) {
    size_t last = std::min<size_t>(first + calibrationTokens, tokens->size());
    sequences.emplace_back(tokens->begin() + first, tokens->begin() + last);
    if (!pieces)
      break;
  }
  return llvm::Error::success();
}

Expected<TokenSequences> picollm::readCalibrationTexts(StringRef path,
                                                       Tokenize tokenize,
                                                       int64_t limit) {
  TokenSequences sequences;
  fs::file_status status;
  if (std::error_code code = fs::status(path, status))
    return failure(path, "calibration text cannot be read: " + code.message());
  if (fs::is_directory(status)) {
    Expected<std::vector<std::string>> files = listTexts(path);
    if (!files)
      return files.takeError();
    for (const std::string &file : *files) {
      if (int64_t(sequences.size()) == limit)
        break;
      if (llvm::Error error =
              appendText(file, tokenize, /*pieces=*/false, limit, sequences))
        return std::move(error);
    }
  } else if (llvm::Error error = appendText(path, tokenize, /*pieces=*/true,
                                            limit, sequences)) {
    return std::move(error);
  }
  if (sequences.empty())
    return failure(path, "calibration text is empty");
  return sequences;
}
