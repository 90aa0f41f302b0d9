//===- AttentionLibrary.h - an attention object that can be called --------===//

#ifndef PICOLLM_TEST_ATTENTIONLIBRARY_H
#define PICOLLM_TEST_ATTENTIONLIBRARY_H

#include "picollm/Attention/AttentionKernels.h"
#include <ostream>

namespace picollm {

/// Builds the object, links it and loads it. Lives as long as the program.
class AttentionLibrary {
public:
  AttentionLibrary(const AttentionShape &shape, const AttentionTarget &target);

  AttentionFunction function = nullptr;
  AttentionPartFunction part = nullptr;
  AttentionMergeFunction merge = nullptr;
  std::string objectPath;
  std::string error; ///< "" where all went well
};

/// A folder of this process, removed when it ends.
const std::string &temporaryDirectory();

/// Targets that can run on this machine, of those that differ in their kernels.
struct NamedTarget {
  const char *name;
  const char *features;
};
/// How GoogleTest shows one.
inline void PrintTo(const NamedTarget &target, std::ostream *stream) {
  *stream << target.name;
}
constexpr NamedTarget kTargets[] = {
    {"baseline", ""},
    {"sse41", "+sse4.1"},
    {"avx", "+avx"},
    {"avx2", "+avx2,+f16c,+fma"},
    {"avx512", "avx2,f16c,fma,avx512f,avx512cd,avx512vl,avx512dq,avx512bw"},
};
AttentionTarget makeTarget(const std::string &name);
bool runsHere(const std::string &name);

} // namespace picollm

#endif // PICOLLM_TEST_ATTENTIONLIBRARY_H
