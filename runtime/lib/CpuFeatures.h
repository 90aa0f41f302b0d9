// Which instruction set extensions the CPU and the system offer.
#ifndef PICOLLM_RUNTIME_CPUFEATURES_H
#define PICOLLM_RUNTIME_CPUFEATURES_H

#include <string>
#include <vector>

namespace picollm::runtime {

/// The names in `features` (LLVM's, with commas between them, "" for none)
/// that this machine does not offer or this runtime does not know.
std::vector<std::string> missingCpuFeatures(const std::string &features);

} // namespace picollm::runtime

#endif
