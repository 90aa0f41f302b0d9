//===- LinkSharedLibrary.cpp - lld as a process ---------------------------===//

#include "Linker.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/Target/Target.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;
using namespace llvm;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message.str().c_str());
}

Expected<std::string> picollm::findLinker() {
  if (sys::fs::can_execute(PICOLLM_LLD))
    return std::string(PICOLLM_LLD);
  for (StringRef name : {"ld.lld-22", "ld.lld"})
    if (auto path = sys::findProgramByName(name))
      return *path;
  return error("linker ld.lld was not found at " PICOLLM_LLD
               " nor on the path; install lld-22");
}

/// A version script that makes `exports` global and all else local.
static Error writeExports(ArrayRef<std::string> exports, StringRef path) {
  return writeFile(path, [&](raw_ostream &out) {
    out << "{\n";
    if (!exports.empty())
      out << "global:\n";
    for (const std::string &name : exports)
      out << "  " << name << ";\n";
    out << "local: *;\n};\n";
    return Error::success();
  });
}

static std::string readText(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().trim().str() : std::string();
}

Error picollm::runLinker(ArrayRef<std::string> command, StringRef prefix,
                         ArrayRef<std::string> exports, StringRef path) {
  SmallString<128> output, script, log;
  // Beside the result, so that the rename stays within one file system.
  if (std::error_code code =
          sys::fs::createUniqueFile(path + ".%%%%%%.tmp", output))
    return error(path + ": cannot be written: " + code.message());
  script = output, script += ".exports";
  log = output, log += ".log";
  scope_exit cleanUp([&] {
    sys::fs::remove(output);
    sys::fs::remove(script);
    sys::fs::remove(log);
  });
  if (Error e = writeExports(exports, script))
    return e;
  std::vector<std::string> all = command;
  for (const std::string &flag :
       {std::string("--gc-sections"), std::string("--hash-style=gnu"),
        std::string("-znow"), "-soname=" + sys::path::filename(path).str(),
        "--version-script=" + script.str().str()})
    all.push_back(prefix.str() + flag);
  all.insert(all.end(), {"-shared", "-o", output.str().str()});
  SmallVector<StringRef> arguments(all.begin(), all.end());
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  std::string message;
  int code =
      sys::ExecuteAndWait(command[0], arguments, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (code != 0) {
    std::string text = readText(log);
    return error(path + ": linking failed: " + (text.empty() ? message : text));
  }
  if (std::error_code renamed = sys::fs::rename(output, path))
    return error(path + ": cannot be written: " + renamed.message());
  // The temporary was made for its owner only.
  sys::fs::setPermissions(path, static_cast<sys::fs::perms>(0755));
  return Error::success();
}

Error picollm::linkSharedLibrary(ArrayRef<std::string> objects,
                                 ArrayRef<std::string> exports,
                                 StringRef path) {
  auto linker = findLinker();
  if (!linker)
    return linker.takeError();
  std::vector<std::string> command = {*linker};
  command.insert(command.end(), objects.begin(), objects.end());
  return runLinker(command, "", exports, path);
}
