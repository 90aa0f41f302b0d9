//===- EmulatedLibrary.h - functions called in an emulator ------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_CONVERSION_EMULATEDLIBRARY_H
#define PICOLLM_TEST_UNIT_CONVERSION_EMULATEDLIBRARY_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <sys/types.h>
#include <vector>

namespace picollm {

constexpr size_t kMaximumArguments = 9;

struct FunctionArgument {
  void *data;    ///< of a buffer, or null
  size_t bytes;  ///< of the buffer
  int64_t value; ///< an integer, or the offset of the byte that is passed
  bool writable; ///< what the function writes comes back
};

/// A shared library for aarch64 in a process of qemu-aarch64, which runs
/// test/Emulated/call_functions.c.
class EmulatedLibrary {
public:
  static bool isAvailable();
  EmulatedLibrary(const std::string &path, const std::string &processor);
  ~EmulatedLibrary();
  EmulatedLibrary(const EmulatedLibrary &) = delete;
  EmulatedLibrary &operator=(const EmulatedLibrary &) = delete;

  /// Copies the buffers there, calls, and copies what may be written back.
  /// Returns what went wrong, or "".
  std::string call(const std::string &function,
                   const std::vector<FunctionArgument> &arguments);

private:
  pid_t child = -1;
  FILE *requests = nullptr, *answers = nullptr;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_CONVERSION_EMULATEDLIBRARY_H
