//===- ProcessMemory.h - what this process takes of the memory --*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_PROCESSMEMORY_H
#define PICOLLM_SUPPORT_PROCESSMEMORY_H

#include <cstdint>

namespace picollm {

/// Starts a new measurement of the peak. Where the system cannot, the peak
/// stays that of the whole process.
void resetPeakMemory();

/// Most bytes that were resident at once, pages of mapped files included,
/// which the system may drop when memory is short.
int64_t peakResidentBytes();

/// Resident bytes that belong to no file, now; 0 where the system does not
/// say.
int64_t anonymousBytes();

} // namespace picollm

#endif // PICOLLM_SUPPORT_PROCESSMEMORY_H
