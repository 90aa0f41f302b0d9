//===- WriteFile.cpp - files that appear whole or not at all --------------===//

#include "picollm/Support/WriteFile.h"
#include "llvm/Support/FileSystem.h"
#ifdef __linux__
#include <cerrno>
#include <unistd.h>
#endif

using namespace picollm;
namespace fs = llvm::sys::fs;

static llvm::Error cannotWrite(llvm::StringRef path, std::error_code code) {
  return llvm::createStringError(
      code, path + ": cannot be written: " + code.message());
}

llvm::Error picollm::takeError(llvm::raw_fd_ostream &stream,
                               llvm::StringRef path) {
  stream.flush();
  if (!stream.has_error())
    return llvm::Error::success();
  std::error_code code = stream.error();
  stream.clear_error();
  return cannotWrite(path, code);
}

llvm::Error
picollm::writeFile(llvm::StringRef path,
                   llvm::function_ref<llvm::Error(FileStream &)> write) {
  // The user's umask takes away from these permissions.
  llvm::Expected<fs::TempFile> file = fs::TempFile::create(
      path + ".%%%%%%%%.part", fs::all_read | fs::all_write);
  if (!file)
    return llvm::createStringError(
        path + ": cannot be written: " + llvm::toString(file.takeError()));
  llvm::Error error = llvm::Error::success();
  {
    FileStream stream(file->FD, path);
    error = llvm::joinErrors(std::move(error), write(stream));
    llvm::Error failure = takeError(stream, path);
    if (error)
      llvm::consumeError(std::move(failure));
    else
      error = std::move(failure);
  }
  if (error) {
    llvm::consumeError(file->discard());
    return error;
  }
  if (llvm::Error failure = file->keep(path))
    return llvm::createStringError(
        path + ": cannot be written: " + llvm::toString(std::move(failure)));
  return llvm::Error::success();
}

llvm::Error picollm::writeFile(llvm::StringRef path, llvm::StringRef content) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    os << content;
    return llvm::Error::success();
  });
}

#ifdef __linux__
/// Bytes that the kernel copied; fewer than asked for where it cannot.
static uint64_t copyInKernel(int from, uint64_t offset, int to,
                             uint64_t bytes) {
  uint64_t done = 0;
  off64_t position = offset;
  while (done < bytes) {
    ssize_t count =
        copy_file_range(from, &position, to, nullptr, bytes - done, 0);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    done += count;
  }
  return done;
}
#endif

llvm::Error FileStream::append(llvm::StringRef source, uint64_t offset,
                               uint64_t bytes) {
  llvm::Expected<fs::file_t> from = fs::openNativeFileForRead(source);
  if (!from)
    return llvm::createStringError(
        source + ": cannot be read: " + llvm::toString(from.takeError()));
  uint64_t done = 0;
  llvm::Error error = llvm::Error::success();
#ifdef __linux__
  flush();
  if (!has_error()) {
    done = copyInKernel(*from, offset, get_fd(), bytes);
    seek(tell() + done);
  }
#endif
  // The rest, which is all of it on systems and file systems without the call.
  llvm::SmallVector<char, 0> buffer(1 << 20);
  while (done < bytes && !has_error()) {
    auto piece = llvm::MutableArrayRef(buffer).take_front(
        std::min<uint64_t>(buffer.size(), bytes - done));
    llvm::Expected<size_t> count =
        fs::readNativeFileSlice(*from, piece, offset + done);
    if (!count || *count == 0) {
      std::string reason =
          count ? "it ends too early" : llvm::toString(count.takeError());
      error = llvm::createStringError(source + ": cannot be read: " + reason);
      break;
    }
    write(piece.data(), *count);
    done += *count;
  }
  fs::closeFile(*from);
  if (error)
    return error;
  return takeError(*this, path);
}

llvm::Error picollm::flushStdout(llvm::Error error) {
  llvm::Error failure = takeError(llvm::outs(), "stdout");
  if (!error)
    return failure;
  llvm::consumeError(std::move(failure));
  return error;
}
