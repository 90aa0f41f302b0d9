//===- OutputFolder.cpp - a folder that appears whole or not at all -------===//

#include "OutputFolder.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace picollm;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static const char scratchName[] = ".scratch";

static llvm::Error cannot(llvm::StringRef what, llvm::StringRef folder,
                          std::error_code error) {
  return llvm::createStringError(error, "%s: cannot be %s: %s",
                                 folder.str().c_str(), what.str().c_str(),
                                 error.message().c_str());
}

/// Readable by all who may; the user's umask takes away.
static const fs::perms folderPermissions =
    fs::all_read | fs::all_exe | fs::owner_write;

/// Whether a file is the manifest that bundles have too.
static bool isManifest(llvm::StringRef file) {
  if (path::filename(file) != "manifest.json")
    return false;
  auto text = llvm::MemoryBuffer::getFile(file);
  return text && (*text)->getBuffer().contains("\"picollm compiled model\"");
}

/// Empty, or an earlier output: each of them, whatever its last stage, holds a
/// compiled tokenizer, but for bundles, which have it inside.
static bool isReplaceable(llvm::StringRef folder) {
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

llvm::Expected<std::unique_ptr<OutputFolder>>
OutputFolder::create(llvm::StringRef output) {
  while (output.size() > 1 && path::is_separator(output.back()))
    output = output.drop_back();
  llvm::SmallString<128> absolute(output);
  fs::make_absolute(absolute);
  path::remove_dots(absolute, /*remove_dot_dot=*/true);
  if (fs::exists(absolute)) {
    if (!fs::is_directory(absolute))
      return llvm::createStringError(output +
                                     ": is a file; give a folder to write");
    if (!isReplaceable(absolute))
      return llvm::createStringError(
          output + ": holds other files than a compiled model and is left as "
                   "it is; give another folder");
  }
  llvm::StringRef parent = path::parent_path(absolute);
  if (std::error_code error =
          fs::create_directories(parent, true, folderPermissions))
    return cannot("made", parent, error);
  llvm::SmallString<128> temporary;
  fs::createUniquePath(absolute + ".partial-%%%%%%%%", temporary,
                       /*MakeAbsolute=*/false);
  llvm::SmallString<128> scratch(temporary);
  path::append(scratch, scratchName);
  if (std::error_code error =
          fs::create_directories(scratch, true, folderPermissions))
    return cannot("made", temporary, error);
  return std::unique_ptr<OutputFolder>(
      new OutputFolder(absolute.str().str(), temporary.str().str()));
}

OutputFolder::~OutputFolder() {
  if (!temporary.empty())
    fs::remove_directories(temporary);
}

std::string OutputFolder::file(const llvm::Twine &name) const {
  llvm::SmallString<128> result(temporary);
  path::append(result, name);
  return result.str().str();
}

std::string OutputFolder::scratchFile(const llvm::Twine &name) const {
  llvm::SmallString<128> result(temporary);
  path::append(result, scratchName, name);
  return result.str().str();
}

llvm::Error OutputFolder::commit() {
  llvm::SmallString<128> scratch(temporary);
  path::append(scratch, scratchName);
  fs::remove_directories(scratch);
  std::string old;
  if (fs::exists(path)) {
    llvm::SmallString<128> unique;
    fs::createUniquePath(path + ".old-%%%%%%%%", unique,
                         /*MakeAbsolute=*/false);
    old = unique.str().str();
    if (std::error_code error = fs::rename(path, old))
      return cannot("replaced", path, error);
  }
  if (std::error_code error = fs::rename(temporary, path)) {
    if (!old.empty())
      fs::rename(old, path);
    return cannot("written", path, error);
  }
  temporary.clear();
  if (!old.empty())
    fs::remove_directories(old);
  return llvm::Error::success();
}
