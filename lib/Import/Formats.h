//===- Formats.h - openers of the file formats ------------------*- C++ -*-===//

#ifndef PICOLLM_LIB_IMPORT_FORMATS_H
#define PICOLLM_LIB_IMPORT_FORMATS_H

#include "picollm/Import/ModelFile.h"

namespace picollm {

bool isGGUF(llvm::StringRef start);
llvm::Expected<std::unique_ptr<ModelFile>> openGGUFModel(llvm::StringRef path);
/// The same for bytes in memory; `buffer`'s identifier is the path.
llvm::Expected<std::unique_ptr<ModelFile>>
parseGGUFModel(std::unique_ptr<llvm::MemoryBuffer> buffer);

/// Whether the folder has a config.json.
bool isHuggingFaceFolder(llvm::StringRef path);
llvm::Expected<std::unique_ptr<ModelFile>>
openHuggingFaceModel(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_FORMATS_H
