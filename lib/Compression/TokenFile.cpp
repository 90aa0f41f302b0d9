//===- TokenFile.cpp - calibration texts as token ids ---------------------===//

#include "picollm/Compression/TokenFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

llvm::Expected<TokenSequences> picollm::readTokenFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  TokenSequences texts;
  for (llvm::line_iterator line(**buffer); !line.is_at_eof(); ++line) {
    std::vector<int32_t> &text = texts.emplace_back();
    llvm::SmallVector<llvm::StringRef> words;
    line->split(words, ' ', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef word : words)
      if (word.getAsInteger(10, text.emplace_back()))
        return llvm::createStringError(path + ": line " +
                                       llvm::Twine(line.line_number()) + ": '" +
                                       word + "' is no token id");
  }
  if (texts.empty())
    return llvm::createStringError(path + ": holds no text");
  return texts;
}

llvm::Error picollm::writeTokenFile(llvm::StringRef path,
                                    const TokenSequences &texts) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    for (const std::vector<int32_t> &text : texts) {
      llvm::interleave(text, os, " ");
      os << '\n';
    }
    return llvm::Error::success();
  });
}
