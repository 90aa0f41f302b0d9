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
  int64_t headerBytes = 0; ///< of the weight file
  int64_t normBytes = 0;   ///< of the weight file
  /// The losses that the widths were chosen by; empty where none were measured.
  std::vector<LossTable> tables;
  std::string stages; ///< stages.json

  /// One HTML file that needs no other: heat map of bits with the columns and
  /// the losses of each matrix, bytes by part, curve of least loss over size,
  /// the most expensive matrices, time and memory. Fails on tables that the
  /// solver refuses.
  llvm::Expected<std::string> html() const;
};

} // namespace picollm

#endif // PICOLLM_REPORT_REPORTPAGE_H
