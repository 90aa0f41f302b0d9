//===- TokenFile.h - calibration texts as token ids -------------*- C++ -*-===//

#ifndef PICOLLM_COMPRESSION_TOKENFILE_H
#define PICOLLM_COMPRESSION_TOKENFILE_H

#include "picollm/Calibration/LayerwiseCalibration.h"

namespace picollm {

/// Reads a file of decimal token ids separated by spaces, one text a line.
/// Fails where it holds anything else or no text.
llvm::Expected<TokenSequences> readTokenFile(llvm::StringRef path);

llvm::Error writeTokenFile(llvm::StringRef path, const TokenSequences &texts);

} // namespace picollm

#endif // PICOLLM_COMPRESSION_TOKENFILE_H
