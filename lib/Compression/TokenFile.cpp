//===- TokenFile.cpp - calibration texts as token ids ---------------------===//

#include "picollm/Compression/TokenFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

/// What ends a prompt.
static constexpr llvm::StringRef promptEnd = "|";

llvm::Expected<CalibrationSet> picollm::readTokenFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  CalibrationSet set;
  for (llvm::line_iterator line(**buffer); !line.is_at_eof(); ++line) {
    auto failure = [&](const llvm::Twine &what) {
      return llvm::createStringError(
          path + ": line " + llvm::Twine(line.line_number()) + ": " + what);
    };
    std::vector<int32_t> text;
    int64_t prompt = 0;
    llvm::SmallVector<llvm::StringRef> words;
    line->split(words, ' ', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef word : words) {
      if (word == promptEnd && (prompt > 0 || text.empty()))
        return failure("'|' ends no prompt; expected one, behind the tokens of "
                       "the prompt");
      if (word == promptEnd)
        prompt = text.size();
      else if (word.getAsInteger(10, text.emplace_back()))
        return failure("'" + word + "' is no token id");
    }
    if (text.empty())
      return failure("holds no token");
    set.add(std::move(text), prompt);
  }
  if (set.size() == 0)
    return llvm::createStringError(path + ": holds no text");
  return set;
}

llvm::Error picollm::writeTokenFile(llvm::StringRef path,
                                    const CalibrationSet &set) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    for (size_t text = 0; text < set.size(); ++text) {
      for (auto [index, token] : llvm::enumerate(set.texts[text])) {
        os << (index > 0 ? " " : "") << token;
        if (int64_t(index) + 1 == set.prompts[text])
          os << ' ' << promptEnd;
      }
      os << '\n';
    }
    return llvm::Error::success();
  });
}
