//===- BundleTools.cpp - what a bundle is linked with ---------------------===//

#include "Linker.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Target/Bundle.h"

#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace picollm;
using namespace llvm;

static constexpr StringLiteral archiveName = "libpicollm-runtime.a";

/// Such as "aarch64-linux-gnu": as Debian calls it, without a vendor.
static std::string systemName(const Triple &triple) {
  std::string name = (triple.getArchName() + "-" + triple.getOSName()).str();
  if (triple.hasEnvironment())
    name += ("-" + triple.getEnvironmentName()).str();
  return name;
}

/// Of the installation, or the build folder, whose bin/ has this program.
static SmallString<256> libraryFolder() {
  static int inThisProgram;
  SmallString<256> folder(sys::path::parent_path(
      sys::fs::getMainExecutable(nullptr, &inThisProgram)));
  sys::path::append(folder, "..", PICOLLM_LIBDIR);
  sys::path::remove_dots(folder, /*remove_dot_dot=*/true);
  return folder;
}

Expected<object::OwningBinary<object::Archive>>
picollm::openArchive(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  auto archive = object::Archive::create((*buffer)->getMemBufferRef());
  if (!archive)
    return createStringError(path + ": is no archive of the runtime: " +
                             toString(archive.takeError()));
  return object::OwningBinary(std::move(*archive), std::move(*buffer));
}

static Error checkArchitecture(StringRef path, const Triple &triple) {
  auto archive = openArchive(path);
  if (!archive)
    return archive.takeError();
  Error error = Error::success();
  for (const object::Archive::Child &child :
       archive->getBinary()->children(error)) {
    auto binary = child.getAsBinary();
    if (!binary) {
      consumeError(binary.takeError());
      continue;
    }
    auto *file = dyn_cast<object::ObjectFile>(binary->get());
    if (!file || file->getArch() == triple.getArch())
      continue;
    consumeError(std::move(error));
    return createStringError(
        path + ": was built for " + Triple::getArchTypeName(file->getArch()) +
        ", the model is compiled for " + triple.getArchName() +
        "; build the runtime for it (cmake -S runtime) and give --runtime");
  }
  return error;
}

static Expected<std::string> findRuntime(const Triple &triple,
                                         StringRef given) {
  SmallString<256> own = libraryFolder(), foreign = own;
  sys::path::append(own, archiveName);
  sys::path::append(foreign, "picollm", systemName(triple), archiveName);
  std::vector<std::string> places = {foreign.str().str()};
  if (systemName(triple) == systemName(Triple(sys::getProcessTriple())))
    places.insert(places.end(), {own.str().str(), PICOLLM_BUILT_RUNTIME});
  if (!given.empty())
    places = {given.str()};
  for (const std::string &place : places) {
    if (!sys::fs::exists(place))
      continue;
    if (Error error = checkArchitecture(place, triple))
      return std::move(error);
    return place;
  }
  if (!given.empty())
    return createStringError(given + ": does not exist; --runtime takes the "
                                     "file libpicollm-runtime.a");
  return createStringError(
      "the runtime for " + systemName(triple) + " was not found at " +
      places.front() +
      "; build it for that system and install it there, or give "
      "--runtime=FILE");
}

/// Only a compiler driver knows where a system keeps its libraries.
static Expected<std::string> findCompiler(StringRef given) {
  if (!given.empty()) {
    if (sys::fs::can_execute(given))
      return given.str();
    return createStringError(given + ": is not a program, expected a clang++");
  }
  if (sys::fs::can_execute(PICOLLM_CLANG))
    return std::string(PICOLLM_CLANG);
  for (StringRef name : {"clang++-22", "clang++"})
    if (auto path = sys::findProgramByName(name))
      return *path;
  return createStringError(
      "clang++, which links bundles, was not found at " PICOLLM_CLANG
      " nor on the path; install clang-22, or leave --bundle away");
}

Expected<BundleTools> picollm::findBundleTools(StringRef tripleName,
                                               StringRef runtime,
                                               StringRef compiler) {
  Triple triple(tripleName);
  if (!triple.isOSBinFormatELF() || (triple.getArch() != Triple::x86_64 &&
                                     triple.getArch() != Triple::aarch64))
    return createStringError(
        "a bundle cannot be made for '" + tripleName +
        "', expected Linux on x86-64 or AArch64; leave --bundle away");
  BundleTools tools;
  if (Error error = findRuntime(triple, runtime).moveInto(tools.runtime))
    return std::move(error);
  if (Error error = findCompiler(compiler).moveInto(tools.compiler))
    return std::move(error);
  return tools;
}
