// The calls of the operating system. One implementation per system, in the
// folder of its name; nothing else in the runtime includes a system header.
#ifndef PICOLLM_RUNTIME_SYSTEM_H
#define PICOLLM_RUNTIME_SYSTEM_H

#include "Error.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace picollm::runtime {

/// A whole file mapped into memory, read-only. Movable; unmaps itself.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  /// Maps the file; an empty file has no data and size 0. `path` is UTF-8.
  Failure open(const std::string &path);

  /// Replaces the mapping by a copy in huge pages, on systems where a program
  /// can ask for them; on others the file stays mapped.
  Failure copyToHugePages();

  const uint8_t *data() const { return bytes; }
  size_t size() const { return byteCount; }

private:
  const uint8_t *bytes = nullptr;
  size_t byteCount = 0;
};

/// A file that appears under its name when it is complete: until then it has a
/// temporary name beside it, and is removed if it never gets so far.
class NewFile {
public:
  NewFile() = default;
  NewFile(const NewFile &) = delete;
  NewFile &operator=(const NewFile &) = delete;
  ~NewFile();

  /// `path` is UTF-8.
  Failure open(const std::string &path);
  Failure write(const void *data, size_t size);
  /// Has the system store the content, then gives it its name, replacing a file
  /// that has it. Nothing may be called afterwards.
  Failure finish();

private:
  std::string finalPath, temporaryPath;
  intptr_t handle = -1; ///< the system's; -1: not open
};

/// A shared library in this process. Movable; unloads itself.
class SharedLibrary {
public:
  SharedLibrary() = default;
  SharedLibrary(SharedLibrary &&other) noexcept;
  SharedLibrary &operator=(SharedLibrary &&other) noexcept;
  ~SharedLibrary();

  /// Loads the library, which runs its initialisers. A truncated file is
  /// reported, not executed.
  Failure open(const std::string &path);
  /// Address of an exported function; null where there is none.
  void *find(const std::string &symbol) const;

private:
  void *handle = nullptr;
};

/// "lib<name>.so", "lib<name>.dylib" or "<name>.dll".
std::string libraryFileName(const std::string &name);

/// Names (not paths) of the files in a folder that end in `extension`, sorted.
Failure listFiles(const std::string &directory, const std::string &extension,
                  std::vector<std::string> &names);

/// Physical cores that this process may use, at least 1.
int32_t physicalCores();

/// Whether the CPU and the system offer an instruction set extension that can
/// only be asked of the system (aarch64). `feature` is LLVM's name for it.
bool systemHasCpuFeature(const std::string &feature);

} // namespace picollm::runtime

#endif
