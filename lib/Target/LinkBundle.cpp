//===- LinkBundle.cpp - clang as the linker of a bundle -------------------===//

#include "Linker.h"
#include "picollm/Target/Bundle.h"

using namespace picollm;
using namespace llvm;

/// The functions of the C API that an archive defines.
static Expected<std::vector<std::string>> apiFunctions(StringRef path) {
  auto archive = openArchive(path);
  if (!archive)
    return archive.takeError();
  std::vector<std::string> names;
  for (const object::Archive::Symbol &symbol : archive->getBinary()->symbols())
    if (symbol.getName().starts_with("picollm_"))
      names.push_back(symbol.getName().str());
  return names;
}

Error picollm::linkBundle(ArrayRef<std::string> objects,
                          const BundleTools &tools,
                          ArrayRef<std::string> exports, StringRef triple,
                          StringRef path) {
  auto linker = findLinker();
  if (!linker)
    return linker.takeError();
  auto api = apiFunctions(tools.runtime);
  if (!api)
    return api.takeError();
  std::vector<std::string> all = exports;
  all.insert(all.end(), api->begin(), api->end());
  std::vector<std::string> command = {
      tools.compiler, "--target=" + triple.str(), "--ld-path=" + *linker,
      "-static-libstdc++", "-static-libgcc",
      // Another runtime in the process must not answer this one's calls.
      "-Wl,-Bsymbolic", "-Wl,-zdefs"};
  command.insert(command.end(), objects.begin(), objects.end());
  command.insert(command.end(),
                 {"-Wl,--whole-archive", tools.runtime,
                  "-Wl,--no-whole-archive", "-pthread", "-ldl", "-lm"});
  Error error = runLinker(command, "-Wl,", all, path);
  if (!error)
    return error;
  return createStringError(
      toString(std::move(error)) + "; a bundle for " + triple +
      " needs the C and C++ libraries of that system, on Debian libc6-dev and "
      "libstdc++-12-dev, or their packages that end in -cross");
}
