//===- TokenFile.h - calibration texts as token ids -------------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_TOKENFILE_H
#define PICOLLM_COMPRESSION_TOKENFILE_H

#include "picollm/Calibration/CalibrationSet.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace picollm {

/// Reads a file of decimal token ids separated by spaces, one text a line. A
/// `|` between two ids, or behind the last, ends the text's prompt. Fails where
/// it holds anything else or no text.
llvm::Expected<CalibrationSet> readTokenFile(llvm::StringRef path);

llvm::Error writeTokenFile(llvm::StringRef path, const CalibrationSet &set);

} // namespace picollm

#endif // PICOLLM_COMPRESSION_TOKENFILE_H
