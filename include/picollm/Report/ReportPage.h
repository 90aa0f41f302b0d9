//===- ReportPage.h - an allocation as a page to look at --------*- C++ -*-===//

#ifndef PICOLLM_REPORT_REPORTPAGE_H
#define PICOLLM_REPORT_REPORTPAGE_H

#include "picollm/Quantization/AllocationFile.h"

namespace picollm {

/// What the page shows.
struct ReportPage {
  std::string model;   ///< file name of what was compressed
  std::string name;    ///< of the library
  std::string command; ///< that makes the same again, for a shell
  std::string date;
  AllocationReport allocation;
  /// Least loss over the size of the file; empty where none was measured.
  std::vector<RateDistortionPoint> curve;
  std::string stages; ///< stages.json

  /// One HTML file that needs no other: heat map of bits, bytes by part, curve,
  /// the most expensive matrices, time and memory.
  std::string html() const;
};

} // namespace picollm

#endif // PICOLLM_REPORT_REPORTPAGE_H
