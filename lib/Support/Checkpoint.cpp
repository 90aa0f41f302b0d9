//===- Checkpoint.cpp - what a long pass has done so far ------------------===//

#include "picollm/Support/Checkpoint.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
namespace fs = llvm::sys::fs;

/// The content of a file; empty where there is none.
static std::string contentOf(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

void Checkpoint::readSteps() {
  const std::string steps = contentOf(file("steps"));
  if (llvm::StringRef(steps).trim().getAsInteger(10, done) || done < 0)
    done = 0;
}

llvm::Expected<Checkpoint> Checkpoint::open(llvm::StringRef folder,
                                            llvm::StringRef key) {
  Checkpoint checkpoint;
  if (folder.empty())
    return checkpoint;
  checkpoint.folder = folder.str();
  const std::string keyFile = checkpoint.file("key");
  if (contentOf(keyFile) == key) {
    checkpoint.readSteps();
    return checkpoint;
  }
  fs::remove_directories(folder);
  if (std::error_code error = fs::create_directories(folder))
    return llvm::createStringError(
        error, folder + ": cannot be made: " + error.message());
  if (llvm::Error error = writeFile(keyFile, key))
    return std::move(error);
  return checkpoint;
}

std::string Checkpoint::file(const llvm::Twine &name) const {
  if (!isKept())
    return {};
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error Checkpoint::setSteps(int64_t steps) {
  done = steps;
  if (!isKept())
    return llvm::Error::success();
  return writeFile(file("steps"), std::to_string(steps) + "\n");
}
