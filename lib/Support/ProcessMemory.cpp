//===- ProcessMemory.cpp - what this process takes of the memory ----------===//

#include "picollm/Support/ProcessMemory.h"
#include <fstream>
#include <string>
#ifndef _WIN32
#include <sys/resource.h>
#endif

/// A line "Key:   123 kB" of /proc/self/status in bytes; 0 if there is none.
static int64_t statusBytes(const char *key) {
  std::ifstream status("/proc/self/status");
  const std::string start = std::string(key) + ":";
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, start.size(), start) == 0)
      return 1024 * std::strtoll(line.c_str() + start.size(), nullptr, 10);
  return 0;
}

void picollm::resetPeakMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

int64_t picollm::peakResidentBytes() {
  if (int64_t bytes = statusBytes("VmHWM"))
    return bytes;
#ifdef _WIN32
  return 0;
#else
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return 1024 * usage.ru_maxrss;
#endif
#endif
}

int64_t picollm::anonymousBytes() { return statusBytes("RssAnon"); }
