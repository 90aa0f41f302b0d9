// Linux, Android, macOS and iOS.
#include "System.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace picollm::runtime {

static Failure systemFailure(const std::string &subject, int code,
                             const char *action = "read") {
  const bool missing = code == ENOENT || code == ENOTDIR || code == EACCES;
  return {missing ? PICOLLM_NOT_FOUND : PICOLLM_SYSTEM_ERROR,
          subject + ": cannot be " + action + ": " + std::strerror(code)};
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
    munmap(const_cast<uint8_t *>(bytes), byteCount);
}

#if defined(__linux__)
Failure MappedFile::copyToHugePages() {
  if (!bytes)
    return success();
  constexpr size_t hugePage = size_t(2) << 20;
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  const size_t size = (byteCount + page - 1) / page * page;
  void *memory = mmap(nullptr, size + hugePage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return {PICOLLM_OUT_OF_MEMORY, "weights in huge pages: out of memory; load "
                                   "the model without them"};
  // What is before and behind the aligned copy goes back.
  const size_t past = reinterpret_cast<uintptr_t>(memory) % hugePage;
  const size_t before = past ? hugePage - past : 0;
  auto *copy = static_cast<uint8_t *>(memory) + before;
  if (before)
    munmap(memory, before);
  munmap(copy + size, hugePage - before);
  madvise(copy, byteCount, MADV_HUGEPAGE);
  std::memcpy(copy, bytes, byteCount);
  mprotect(copy, byteCount, PROT_READ);
  munmap(const_cast<uint8_t *>(bytes), byteCount);
  bytes = copy;
  return success();
}
#else
Failure MappedFile::copyToHugePages() { return success(); }
#endif

Failure MappedFile::open(const std::string &path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return systemFailure(path, errno);
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return {PICOLLM_NOT_FOUND, path + ": is not a file"};
  }
  void *address = nullptr;
  if (status.st_size > 0) {
    address =
        mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_SHARED, file, 0);
    if (address == MAP_FAILED) {
      const int code = errno;
      close(file);
      return systemFailure(path, code);
    }
    // All of it is read for every token: have the system fetch it at once.
    madvise(address, size_t(status.st_size), MADV_WILLNEED);
  }
  close(file);
  MappedFile mapped;
  mapped.bytes = static_cast<const uint8_t *>(address);
  mapped.byteCount = size_t(status.st_size);
  *this = std::move(mapped);
  return success();
}

NewFile::~NewFile() {
  if (handle < 0)
    return;
  close(int(handle));
  unlink(temporaryPath.c_str());
}

Failure NewFile::open(const std::string &path) {
  // Two threads, or two processes, may write the same file at once.
  static std::atomic<uint32_t> files{0};
  finalPath = path;
  do {
    temporaryPath = path + "." + std::to_string(getpid()) + "-" +
                    std::to_string(files++) + ".tmp";
    handle = ::open(temporaryPath.c_str(),
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (handle < 0 && errno == EEXIST);
  return handle < 0 ? systemFailure(finalPath, errno, "written") : success();
}

Failure NewFile::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    // Some systems refuse more than 2^31 bytes at once.
    const ssize_t written =
        ::write(int(handle), next, std::min(size, size_t(1) << 30));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemFailure(finalPath, written < 0 ? errno : ENOSPC, "written");
    next += written;
    size -= size_t(written);
  }
  return success();
}

Failure NewFile::finish() {
  if (fsync(int(handle)) != 0 ||
      rename(temporaryPath.c_str(), finalPath.c_str()) != 0)
    return systemFailure(finalPath, errno, "written");
  close(int(handle));
  handle = -1;
  return success();
}

Failure listFiles(const std::string &directory, const std::string &extension,
                  std::vector<std::string> &names) {
  DIR *folder = opendir(directory.c_str());
  if (!folder)
    return systemFailure(directory, errno);
  names.clear();
  while (const dirent *entry = readdir(folder)) {
    std::string name = entry->d_name;
    if (name.size() > extension.size() && name[0] != '.' &&
        name.compare(name.size() - extension.size(), extension.size(),
                     extension) == 0)
      names.push_back(std::move(name));
  }
  closedir(folder);
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
    dlclose(handle);
}

#if defined(__linux__) && defined(__LP64__)
// The dynamic linker maps the segments that the ELF headers name without
// asking whether the file has them, and a truncated one then ends in SIGBUS.
static bool isCompleteElf(const MappedFile &file) {
  Elf64_Ehdr header;
  if (file.size() < sizeof header)
    return false;
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  auto inFile = [&](uint64_t offset, uint64_t bytes) {
    return offset <= file.size() && bytes <= file.size() - offset;
  };
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      !inFile(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)) ||
      !inFile(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize))
    return false;
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, file.data() + header.e_phoff + i * sizeof segment,
                sizeof segment);
    if (segment.p_type == PT_LOAD &&
        !inFile(segment.p_offset, segment.p_filesz))
      return false;
  }
  return true;
}
#else
static bool isCompleteElf(const MappedFile &) { return true; }
#endif

Failure SharedLibrary::open(const std::string &path) {
  MappedFile file;
  if (Failure failure = file.open(path))
    return failure;
  if (file.size() == 0 || !isCompleteElf(file))
    return {PICOLLM_DAMAGED_FILE,
            path + ": is truncated or not a shared library; compile the model "
                   "again"};
  // Without a slash the linker would search its own paths.
  const std::string exact =
      path.find('/') == std::string::npos ? "./" + path : path;
  void *opened = dlopen(exact.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened) {
    const char *reason = dlerror();
    return {PICOLLM_DAMAGED_FILE, path + ": cannot be loaded: " +
                                      (reason ? reason : "unknown reason")};
  }
  SharedLibrary library;
  library.handle = opened;
  *this = std::move(library);
  return success();
}

void *SharedLibrary::find(const std::string &symbol) const {
  return handle ? dlsym(handle, symbol.c_str()) : nullptr;
}

std::string libraryFileName(const std::string &name) {
#if defined(__APPLE__)
  return "lib" + name + ".dylib";
#else
  return "lib" + name + ".so";
#endif
}

// ---- CPUs -----------------------------------------------------------------

#if defined(__linux__)

// Cores of time per period that the process's control group grants
// (docker --cpus); 0 where it does not say. Version 2, seen from a container.
static int32_t grantedCores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0)
    return 0;
  return std::max<int32_t>(1, int32_t(quota / period));
}

int32_t physicalCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return std::max(1u, std::thread::hardware_concurrency());
  // Logical CPUs of one core name the same siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    const std::string number = std::to_string(cpu);
    std::ifstream file("/sys/devices/system/cpu/cpu" + number +
                       "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings))
      siblings = "cpu " + number;
    cores.insert(siblings);
  }
  int32_t count = std::max<int32_t>(1, int32_t(cores.size()));
  if (int32_t granted = grantedCores())
    count = std::min(count, granted);
  return count;
}

bool systemHasCpuFeature(const std::string &feature) {
#if defined(__aarch64__)
  // Bits of the kernel's arch/arm64/include/uapi/asm/hwcap.h.
  struct Bit {
    const char *feature;
    unsigned long vector;
    int bit;
  };
  static const Bit bits[] = {
      {"fp-armv8", AT_HWCAP, 0},  {"neon", AT_HWCAP, 1},
      {"aes", AT_HWCAP, 3},       {"sha2", AT_HWCAP, 6},
      {"crc", AT_HWCAP, 7},       {"lse", AT_HWCAP, 8},
      {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
      {"dotprod", AT_HWCAP, 20},  {"sve", AT_HWCAP, 22},
      {"fp16fml", AT_HWCAP, 23},  {"sve2", AT_HWCAP2, 1},
      {"i8mm", AT_HWCAP2, 13},    {"bf16", AT_HWCAP2, 14},
      {"sme", AT_HWCAP2, 23}};
  for (const Bit &bit : bits)
    if (feature == bit.feature)
      return (getauxval(bit.vector) >> bit.bit) & 1;
#endif
  (void)feature;
  return false;
}

#elif defined(__APPLE__)

static int64_t systemNumber(const char *name) {
  int64_t value = 0;
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

int32_t physicalCores() {
  // The slow cores of a mixed CPU would hold the fast ones up at barriers.
  if (int64_t fast = systemNumber("hw.perflevel0.physicalcpu"))
    return int32_t(fast);
  return std::max<int32_t>(1, int32_t(systemNumber("hw.physicalcpu")));
}

bool systemHasCpuFeature(const std::string &feature) {
  static const std::pair<const char *, const char *> names[] = {
      {"fp-armv8", "hw.optional.floatingpoint"},
      {"neon", "hw.optional.AdvSIMD"},
      {"aes", "hw.optional.arm.FEAT_AES"},
      {"sha2", "hw.optional.arm.FEAT_SHA256"},
      {"crc", "hw.optional.armv8_crc32"},
      {"lse", "hw.optional.arm.FEAT_LSE"},
      {"rdm", "hw.optional.arm.FEAT_RDM"},
      {"fullfp16", "hw.optional.arm.FEAT_FP16"},
      {"fp16fml", "hw.optional.arm.FEAT_FHM"},
      {"dotprod", "hw.optional.arm.FEAT_DotProd"},
      {"i8mm", "hw.optional.arm.FEAT_I8MM"},
      {"bf16", "hw.optional.arm.FEAT_BF16"},
      {"sme", "hw.optional.arm.FEAT_SME"}};
  for (const auto &[llvmName, systemName] : names)
    if (feature == llvmName)
      return systemNumber(systemName) != 0;
  return false;
}

#else

int32_t physicalCores() {
  return std::max<int32_t>(1, int32_t(std::thread::hardware_concurrency()));
}

bool systemHasCpuFeature(const std::string &) { return false; }

#endif

} // namespace picollm::runtime
