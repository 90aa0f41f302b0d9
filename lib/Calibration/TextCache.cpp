//===- TextCache.cpp - generated texts are kept for the next time ---------===//

#include "SelfGeneration.h"
#include "picollm/Support/FileSample.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::Expected;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

/// The files that make up a model: those of a Hugging Face folder in the order
/// of their names, or the one that `path` is.
static std::vector<std::string> filesOfModel(StringRef path) {
  if (!fs::is_directory(path))
    return {path.str()};
  std::vector<std::string> files;
  std::error_code code;
  for (fs::directory_iterator it(path, code), end; it != end && !code;
       it.increment(code))
    if (StringRef name = llvm::sys::path::filename(it->path());
        name.ends_with(".json") || name.ends_with(".safetensors"))
      files.push_back(it->path());
  llvm::sort(files);
  return files;
}

Expected<std::string> picollm::modelFileIdentity(StringRef path) {
  llvm::SHA256 hash;
  for (const std::string &file : filesOfModel(path))
    if (llvm::Error error = addSample(hash, file))
      return std::move(error);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

/// Empty where the user has no cache directory.
static Expected<std::string> cachePath(StringRef modelFile,
                                       const SelfGenerationOptions &options) {
  Expected<std::string> identity = modelFileIdentity(modelFile);
  if (!identity)
    return identity.takeError();
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    return std::string();
  std::string begin = options.begin ? std::to_string(*options.begin) : "random";
  llvm::sys::path::append(path, "picollm",
                          "texts-" + StringRef(*identity).take_front(32) + "-" +
                              llvm::Twine(options.texts) + "x" +
                              llvm::Twine(options.tokens) + "-" + begin + "-" +
                              llvm::Twine(options.seed));
  return std::string(path);
}

/// One line of numbers per text; nothing where there is no file, or it is not
/// what this program wrote for these options.
static std::optional<TokenSequences>
readCache(StringRef path, const SelfGenerationOptions &options,
          int64_t vocabulary) {
  if (path.empty())
    return std::nullopt;
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return std::nullopt;
  TokenSequences texts;
  llvm::SmallVector<StringRef> lines;
  (*buffer)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    llvm::SmallVector<StringRef> words;
    line.split(words, ' ', -1, /*KeepEmpty=*/false);
    std::vector<int32_t> text;
    for (StringRef word : words) {
      int32_t id;
      if (word.getAsInteger(10, id) || id < 0 || id >= vocabulary)
        return std::nullopt;
      text.push_back(id);
    }
    texts.push_back(std::move(text));
  }
  if (int64_t(texts.size()) != options.texts)
    return std::nullopt;
  return texts;
}

static void writeCache(StringRef path, const TokenSequences &texts) {
  if (fs::create_directories(llvm::sys::path::parent_path(path)))
    return;
  // Under another name first: nobody ever sees half a file.
  llvm::consumeError(writeFile(path, [&](llvm::raw_ostream &os) -> llvm::Error {
    for (const std::vector<int32_t> &text : texts) {
      llvm::interleave(text, os, " ");
      os << '\n';
    }
    return llvm::Error::success();
  }));
}

Expected<TokenSequences>
picollm::selfGenerateTextsCached(ReferenceModel &model, StringRef modelFile,
                                 const SelfGenerationOptions &options) {
  Expected<std::string> path = cachePath(modelFile, options);
  if (!path)
    return path.takeError();
  if (auto texts = readCache(*path, options, model.vocabulary()))
    return std::move(*texts);
  Expected<TokenSequences> texts = selfGenerateTexts(model, options);
  if (texts && !path->empty())
    writeCache(*path, *texts);
  return texts;
}

Expected<WritingEstimate>
picollm::estimateSelfGeneration(ReferenceModel &model, StringRef modelFile,
                                const SelfGenerationOptions &options) {
  Expected<std::string> path = cachePath(modelFile, options);
  if (!path)
    return path.takeError();
  if (auto texts = readCache(*path, options, model.vocabulary()))
    return WritingEstimate{0, std::move(*texts)};
  return measureSelfGeneration(model, options);
}
