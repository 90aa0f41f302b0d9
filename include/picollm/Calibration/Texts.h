//===- Texts.h - folders and files of text ----------------------*- C++ -*-===//

#ifndef PICOLLM_CALIBRATION_TEXTS_H
#define PICOLLM_CALIBRATION_TEXTS_H

#include "picollm/Calibration/CalibrationSet.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace picollm {

/// The ids of a text, with the begin token if the model wants one.
using Tokenize = llvm::function_ref<llvm::Expected<std::vector<int32_t>>(
    llvm::StringRef text)>;

/// The regular files of a folder (hidden ones left out) in numeric order of
/// their names: 2.txt before 10.txt. Fails if there is none.
llvm::Expected<std::vector<std::string>> listTexts(llvm::StringRef directory);

/// A whole file.
llvm::Expected<std::string> readText(llvm::StringRef path);

/// --calibration=DIR|FILE: at most `limit` sequences of at most
/// calibrationTokens tokens. Of a folder, the beginnings of its first texts; of
/// a file, consecutive pieces. Fails where there is no text at all.
llvm::Expected<TokenSequences>
readCalibrationTexts(llvm::StringRef path, Tokenize tokenize, int64_t limit);

} // namespace picollm

#endif // PICOLLM_CALIBRATION_TEXTS_H
