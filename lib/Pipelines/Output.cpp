//===- Output.cpp - a folder or file that appears whole or not at all -----===//

#include "Output.h"
#include "picollm/Packing/PackFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::StringRef;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static const char scratchName[] = ".scratch";
static const char partialSuffix[] = ".partial-";
static const char oldSuffix[] = ".old-";

static llvm::Error cannot(StringRef what, StringRef subject,
                          std::error_code error) {
  return llvm::createStringError(error, subject + ": cannot be " + what + ": " +
                                            error.message());
}

/// Readable by all who may; the user's umask takes away.
static const fs::perms folderPermissions =
    fs::all_read | fs::all_exe | fs::owner_write;

/// Whether a file is the manifest that bundles have too.
static bool isManifest(StringRef file) {
  if (path::filename(file) != "manifest.json")
    return false;
  auto text = llvm::MemoryBuffer::getFile(file);
  return text && (*text)->getBuffer().contains("\"picollm compiled model\"");
}

/// Empty, or an earlier output: each of them, whatever its last stage, holds a
/// compiled tokenizer, but for bundles, which have it inside.
static bool isReplaceableFolder(StringRef folder) {
  std::error_code error;
  bool empty = true;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (path::extension(entry->path()) == ".tokenizer" ||
        isManifest(entry->path()))
      return true;
    empty = false;
  }
  return empty && !error;
}

static llvm::Error checkReplaceable(StringRef given, StringRef absolute,
                                    Output::Kind kind) {
  if (!fs::exists(absolute))
    return llvm::Error::success();
  if (kind == Output::Kind::File) {
    if (fs::is_directory(absolute))
      return llvm::createStringError(given +
                                     ": is a folder; give a file to write");
    if (!isPackFile(absolute))
      return llvm::createStringError(given + ": is no .picollm file and is "
                                             "left as it is; give another");
    return llvm::Error::success();
  }
  if (!fs::is_directory(absolute))
    return llvm::createStringError(
        given + ": is a file; give a folder to write, or a name that ends in "
                ".picollm for a compressed model in one file");
  if (!isReplaceableFolder(absolute))
    return llvm::createStringError(
        given + ": holds other files than a compiled model and is left as it "
                "is; give another folder");
  return llvm::Error::success();
}

static std::string inFolder(StringRef folder, const llvm::Twine &a,
                            const llvm::Twine &b = "") {
  llvm::SmallString<128> result(folder);
  path::append(result, a, b);
  return result.str().str();
}

static std::string checkpointIn(StringRef temporary) {
  return inFolder(temporary, scratchName, "checkpoint");
}

/// Removes all but the scratch folder.
static void keepScratch(StringRef temporary) {
  std::error_code error;
  for (fs::directory_iterator entry(temporary, error), end;
       !error && entry != end; entry.increment(error)) {
    if (path::filename(entry->path()) == scratchName)
      continue;
    if (fs::remove(entry->path()))
      fs::remove_directories(entry->path());
  }
}

/// Looks through what processes that have ended left of this output: returns
/// one with a checkpoint, puts the earlier output back if the process ended
/// while that was out of its place, and removes the rest.
std::optional<Output::Temporary> Output::adopt(StringRef output) {
  std::optional<Temporary> adopted;
  std::error_code error;
  StringRef name = path::filename(output);
  for (fs::directory_iterator entry(path::parent_path(output), error), end;
       !error && entry != end; entry.increment(error)) {
    StringRef rest = path::filename(entry->path());
    if (!rest.consume_front(name))
      continue;
    bool isOld = rest.starts_with(oldSuffix);
    if (!isOld && !rest.starts_with(partialSuffix))
      continue;
    std::optional<FolderLock> lock = FolderLock::tryLock(entry->path());
    if (!lock || !lock->isStill(entry->path()))
      continue;
    if (!isOld && !adopted && fs::exists(checkpointIn(entry->path()))) {
      keepScratch(entry->path());
      adopted.emplace(Temporary{entry->path(), std::move(*lock), true});
      continue;
    }
    if (!isOld || fs::exists(output) || fs::rename(entry->path(), output))
      fs::remove_directories(entry->path());
  }
  return adopted;
}

llvm::Expected<Output::Temporary> Output::makeTemporary(StringRef output) {
  // Another process that cleans up may take the folder before it is locked.
  for (int attempt = 0; attempt < 100; ++attempt) {
    llvm::SmallString<128> temporary;
    fs::createUniquePath(output + partialSuffix + "%%%%%%%%", temporary,
                         /*MakeAbsolute=*/false);
    if (std::error_code error =
            fs::create_directory(temporary, false, folderPermissions))
      return cannot("made", output, error);
    std::optional<FolderLock> lock = FolderLock::tryLock(temporary);
    if (!lock || !lock->isStill(temporary))
      continue;
    if (std::error_code error = fs::create_directory(
            inFolder(temporary, scratchName), true, folderPermissions))
      return cannot("made", output, error);
    return Temporary{temporary.str().str(), std::move(*lock)};
  }
  return llvm::createStringError(output + ": cannot be written: other "
                                          "processes remove its parts");
}

llvm::Expected<std::unique_ptr<Output>> Output::create(StringRef output,
                                                       Kind kind) {
  while (output.size() > 1 && path::is_separator(output.back()))
    output = output.drop_back();
  llvm::SmallString<128> absolute(output);
  fs::make_absolute(absolute);
  path::remove_dots(absolute, /*remove_dot_dot=*/true);
  std::optional<Temporary> temporary = adopt(absolute);
  if (llvm::Error error = checkReplaceable(output, absolute, kind))
    return std::move(error);
  StringRef parent = path::parent_path(absolute);
  if (std::error_code error =
          fs::create_directories(parent, true, folderPermissions))
    return cannot("made", parent, error);
  if (!temporary) {
    llvm::Expected<Temporary> made = makeTemporary(absolute);
    if (!made)
      return made.takeError();
    temporary.emplace(std::move(*made));
  }
  return std::unique_ptr<Output>(
      new Output(absolute.str().str(), kind, std::move(*temporary)));
}

Output::Output(std::string path, Kind kind, Temporary temporary)
    : path(std::move(path)), kind(kind), temporary(std::move(temporary.path)),
      lock(std::move(temporary.lock)), isAdopted(temporary.isAdopted),
      begin(std::chrono::steady_clock::now()),
      removal(this->temporary, [this] { return isWorthKeeping(); }) {}

Output::~Output() {
  // Where it was renamed the name is free, or that of the earlier output.
  if (!isWorthKeeping())
    fs::remove_directories(temporary);
}

std::string Output::file(const llvm::Twine &name) const {
  return inFolder(temporary, name);
}

std::string Output::scratchFile(const llvm::Twine &name) const {
  return inFolder(temporary, scratchName, name);
}

std::string Output::checkpointFolder() const { return checkpointIn(temporary); }

bool Output::isWorthKeeping() const {
  return fs::exists(checkpointFolder()) &&
         (isAdopted ||
          std::chrono::steady_clock::now() - begin > std::chrono::minutes(1));
}

std::string Output::singleFile() const { return file(path::filename(path)); }

llvm::Error Output::commit() {
  fs::remove_directories(scratchFile(""));
  auto noInterrupt = holdInterrupts();
  return kind == Kind::File ? commitFile() : commitFolder();
}

llvm::Error Output::commitFile() {
  if (std::error_code error = fs::rename(singleFile(), path))
    return cannot("written", path, error);
  return llvm::Error::success();
}

llvm::Error Output::commitFolder() {
  if (!fs::exists(path)) {
    if (std::error_code error = fs::rename(temporary, path))
      return cannot("written", path, error);
    return llvm::Error::success();
  }
  std::error_code error = exchangeNames(temporary, path);
  if (!error)
    return llvm::Error::success();
  if (error != std::errc::function_not_supported)
    return cannot("replaced", path, error);
  llvm::SmallString<128> old;
  fs::createUniquePath(path + oldSuffix + "%%%%%%%%", old,
                       /*MakeAbsolute=*/false);
  if ((error = fs::rename(path, old)))
    return cannot("replaced", path, error);
  if ((error = fs::rename(temporary, path))) {
    fs::rename(old, path);
    return cannot("written", path, error);
  }
  fs::remove_directories(old);
  return llvm::Error::success();
}
