// Windows 10 and later.
#include "System.h"

#include <algorithm>
#include <atomic>
#include <utility>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

// Named here because older SDKs lack them.
#ifndef PF_ARM_V81_ATOMIC_INSTRUCTIONS_AVAILABLE
#define PF_ARM_V81_ATOMIC_INSTRUCTIONS_AVAILABLE 34
#endif
#ifndef PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
#define PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE 43
#endif

namespace picollm::runtime {

static std::wstring widen(const std::string &text) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, text.data(),
                                         int(text.size()), nullptr, 0);
  std::wstring wide(size_t(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), int(text.size()), wide.data(),
                      length);
  return wide;
}

static std::string narrow(const wchar_t *text) {
  const int length =
      WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  std::string bytes(size_t(std::max(length, 1)), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes.data(), length, nullptr,
                      nullptr);
  bytes.pop_back(); // the terminator
  return bytes;
}

static Failure systemFailure(const std::string &subject, DWORD code,
                             const char *action = "read") {
  const bool missing = code == ERROR_FILE_NOT_FOUND ||
                       code == ERROR_PATH_NOT_FOUND ||
                       code == ERROR_ACCESS_DENIED;
  return {missing ? PICOLLM_NOT_FOUND : PICOLLM_SYSTEM_ERROR,
          subject + ": cannot be " + action + ": " +
              (missing ? "it does not exist or may not be opened"
                       : "Windows error " + std::to_string(code))};
}

// ---- Files ----------------------------------------------------------------

MappedFile::MappedFile(MappedFile &&other) noexcept
    : bytes(std::exchange(other.bytes, nullptr)),
      byteCount(std::exchange(other.byteCount, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(bytes, other.bytes);
  std::swap(byteCount, other.byteCount);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes)
    UnmapViewOfFile(bytes);
}

/// They would need a privilege that users do not have.
Failure MappedFile::copyToHugePages() { return success(); }

Failure MappedFile::open(const std::string &path) {
  const HANDLE file =
      CreateFileW(widen(path).c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr,
                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    return systemFailure(path, GetLastError());
  LARGE_INTEGER size;
  if (!GetFileSizeEx(file, &size)) {
    const DWORD code = GetLastError();
    CloseHandle(file);
    return systemFailure(path, code);
  }
  MappedFile mapped;
  if (size.QuadPart > 0) {
    const HANDLE mapping =
        CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    void *view =
        mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0) : nullptr;
    const DWORD code = GetLastError();
    if (mapping)
      CloseHandle(mapping); // the view keeps it
    if (!view) {
      CloseHandle(file);
      return systemFailure(path, code);
    }
    mapped.bytes = static_cast<const uint8_t *>(view);
    mapped.byteCount = size_t(size.QuadPart);
  }
  CloseHandle(file);
  *this = std::move(mapped);
  return success();
}

static HANDLE asHandle(intptr_t handle) {
  return reinterpret_cast<HANDLE>(handle);
}

NewFile::~NewFile() {
  if (handle == -1)
    return;
  CloseHandle(asHandle(handle));
  DeleteFileW(widen(temporaryPath).c_str());
}

Failure NewFile::open(const std::string &path) {
  // Two threads, or two processes, may write the same file at once.
  static std::atomic<uint32_t> files{0};
  finalPath = path;
  temporaryPath = path + "." + std::to_string(GetCurrentProcessId()) + "-" +
                  std::to_string(files++) + ".tmp";
  const HANDLE file =
      CreateFileW(widen(temporaryPath).c_str(), GENERIC_WRITE, 0, nullptr,
                  CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    return systemFailure(finalPath, GetLastError(), "written");
  handle = reinterpret_cast<intptr_t>(file);
  return success();
}

Failure NewFile::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    const DWORD part = DWORD(std::min(size, size_t(1) << 30));
    DWORD written = 0;
    if (!WriteFile(asHandle(handle), next, part, &written, nullptr))
      return systemFailure(finalPath, GetLastError(), "written");
    next += written;
    size -= written;
  }
  return success();
}

Failure NewFile::finish() {
  // An open file cannot be renamed here; after it is closed it is still ours.
  const bool stored = FlushFileBuffers(asHandle(handle));
  DWORD code = stored ? ERROR_SUCCESS : GetLastError();
  CloseHandle(asHandle(handle));
  handle = -1;
  if (stored &&
      !MoveFileExW(widen(temporaryPath).c_str(), widen(finalPath).c_str(),
                   MOVEFILE_REPLACE_EXISTING))
    code = GetLastError();
  if (code == ERROR_SUCCESS)
    return success();
  DeleteFileW(widen(temporaryPath).c_str());
  return systemFailure(finalPath, code, "written");
}

Failure listFiles(const std::string &directory, const std::string &extension,
                  std::vector<std::string> &names) {
  WIN32_FIND_DATAW entry;
  const HANDLE search =
      FindFirstFileW(widen(directory + "\\*" + extension).c_str(), &entry);
  names.clear();
  if (search == INVALID_HANDLE_VALUE) {
    const DWORD code = GetLastError();
    // An existing folder without such files is an empty answer.
    const DWORD attributes = GetFileAttributesW(widen(directory).c_str());
    if (attributes != INVALID_FILE_ATTRIBUTES &&
        (attributes & FILE_ATTRIBUTE_DIRECTORY))
      return success();
    return systemFailure(directory, code);
  }
  do {
    // The pattern also matches short 8.3 names: compare the end again.
    std::string name = narrow(entry.cFileName);
    if (name.size() > extension.size() && name[0] != '.' &&
        name.compare(name.size() - extension.size(), extension.size(),
                     extension) == 0)
      names.push_back(std::move(name));
  } while (FindNextFileW(search, &entry));
  FindClose(search);
  std::sort(names.begin(), names.end());
  return success();
}

// ---- Libraries ------------------------------------------------------------

SharedLibrary::SharedLibrary(SharedLibrary &&other) noexcept
    : handle(std::exchange(other.handle, nullptr)) {}

SharedLibrary &SharedLibrary::operator=(SharedLibrary &&other) noexcept {
  std::swap(handle, other.handle);
  return *this;
}

SharedLibrary::~SharedLibrary() {
  if (handle)
    FreeLibrary(static_cast<HMODULE>(handle));
}

Failure SharedLibrary::open(const std::string &path) {
  // A full path keeps the loader from searching other folders.
  const std::wstring wide = widen(path);
  std::wstring full(GetFullPathNameW(wide.c_str(), 0, nullptr, nullptr), L'\0');
  full.resize(
      GetFullPathNameW(wide.c_str(), DWORD(full.size()), full.data(), nullptr));
  if (GetFileAttributesW(full.c_str()) == INVALID_FILE_ATTRIBUTES)
    return systemFailure(path, GetLastError());
  const HMODULE opened =
      LoadLibraryExW(full.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (!opened)
    return {PICOLLM_DAMAGED_FILE,
            path + ": cannot be loaded: Windows error " +
                std::to_string(GetLastError()) +
                "; it may be truncated or for another kind of machine"};
  SharedLibrary library;
  library.handle = opened;
  *this = std::move(library);
  return success();
}

void *SharedLibrary::find(const std::string &symbol) const {
  if (!handle)
    return nullptr;
  return reinterpret_cast<void *>(
      GetProcAddress(static_cast<HMODULE>(handle), symbol.c_str()));
}

std::string libraryFileName(const std::string &name) { return name + ".dll"; }

// ---- CPUs -----------------------------------------------------------------

int32_t physicalCores() {
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  std::vector<SYSTEM_LOGICAL_PROCESSOR_INFORMATION> entries(
      bytes / sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION));
  int32_t cores = 0;
  if (!entries.empty() &&
      GetLogicalProcessorInformation(entries.data(), &bytes)) {
    DWORD_PTR allowed = ~DWORD_PTR(0), present = 0;
    GetProcessAffinityMask(GetCurrentProcess(), &allowed, &present);
    for (const auto &entry : entries)
      if (entry.Relationship == RelationProcessorCore &&
          (entry.ProcessorMask & allowed) != 0)
        ++cores;
  }
  return std::max<int32_t>(cores, 1);
}

bool systemHasCpuFeature(const std::string &feature) {
#if defined(_M_ARM64) || defined(__aarch64__)
  if (feature == "neon" || feature == "fp-armv8")
    return true; // part of every Windows on ARM
  if (feature == "dotprod")
    return IsProcessorFeaturePresent(PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE);
  if (feature == "lse")
    return IsProcessorFeaturePresent(PF_ARM_V81_ATOMIC_INSTRUCTIONS_AVAILABLE);
#endif
  (void)feature;
  return false;
}

} // namespace picollm::runtime
