//===- AttentionLibrary.cpp - an attention object that can be called ------===//

#include "AttentionLibrary.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Host.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace llvm;

namespace picollm {

namespace {
/// Removed when the program ends.
struct TemporaryDirectory {
  TemporaryDirectory() {
    SmallString<128> made;
    if (sys::fs::createUniqueDirectory("picollm-attention-test", made))
      std::abort();
    path = made.str().str();
  }
  ~TemporaryDirectory() { sys::fs::remove_directories(path); }
  std::string path;
};
} // namespace

const std::string &temporaryDirectory() {
  static TemporaryDirectory directory;
  return directory.path;
}

AttentionTarget makeTarget(const std::string &name) {
  for (const NamedTarget &target : kTargets)
    if (name == target.name)
      return {"x86_64-unknown-linux-gnu", target.features};
  return {name, ""};
}

bool runsHere(const std::string &name) {
#if defined(__x86_64__)
  const StringMap<bool> host = sys::getHostCPUFeatures();
  SmallVector<StringRef> needed;
  const AttentionTarget target = makeTarget(name);
  StringRef(target.features).split(needed, ',', -1, false);
  for (StringRef feature : needed) {
    feature.consume_front("+");
    if (!host.lookup(feature))
      return false;
  }
  return true;
#else
  return false;
#endif
}

AttentionLibrary::AttentionLibrary(const AttentionShape &shape,
                                   const AttentionTarget &target) {
  AttentionOptions options;
  // Every case is a process of its own: they share what they build.
  options.cacheDirectory = PICOLLM_BUILD_DIR "/attention-test-cache";
  Expected<std::string> object = buildAttention(shape, target, options);
  if (!object) {
    error = toString(object.takeError());
    return;
  }
  objectPath = *object;
  Expected<std::string> name = attentionFunctionName(shape, target);
  if (!name) {
    error = toString(name.takeError());
    return;
  }
  // The symbols are hidden, so the library gets other names for them.
  const std::string library = temporaryDirectory() + "/" +
                              sys::path::filename(objectPath).str() + ".so";
  const std::string linker = PICOLLM_LLD;
  std::vector<std::string> aliases;
  for (const char *suffix : {"", "_part", "_merge"})
    aliases.push_back("--defsym=attention_under_test" + std::string(suffix) +
                      "=" + *name + suffix);
  const StringRef arguments[] = {linker,     "-shared",  "-o",
                                 library,    aliases[0], aliases[1],
                                 aliases[2], objectPath};
  if (sys::ExecuteAndWait(linker, arguments, std::nullopt, {}, 0, 0, &error)) {
    error = "ld.lld failed: " + error;
    return;
  }
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle) {
    function = reinterpret_cast<AttentionFunction>(
        dlsym(handle, "attention_under_test"));
    part = reinterpret_cast<AttentionPartFunction>(
        dlsym(handle, "attention_under_test_part"));
    merge = reinterpret_cast<AttentionMergeFunction>(
        dlsym(handle, "attention_under_test_merge"));
  }
  if (!function || !part || !merge)
    error = dlerror();
}

} // namespace picollm
