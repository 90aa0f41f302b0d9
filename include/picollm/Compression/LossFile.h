//===- LossFile.h - what calibration leaves for allocation ------*- C++ -*-===//
//
// A JSON file: {"stacks": [{"name", "columns", "width_columns", "rows": [...],
// "order": [...], "losses": [panel][block][width], "row_weights": [row]}],
// "embedding_moment": [...]}. Rows are those of each panel. Widths are
// picollm::candidateWidths. Losses are squared output errors summed over rows,
// weighed by row_weights (empty: 1), see BitWidths.h. embedding_moment, columns
// x columns, is the second moment that goes with the row weights of the
// embedding (lib/Compression/EmbeddingLoss.h), which is quantised before
// anything else runs.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_COMPRESSION_LOSSFILE_H
#define PICOLLM_COMPRESSION_LOSSFILE_H

#include "picollm/Quantization/BitWidths.h"
#include <string>
#include <vector>

namespace picollm {

struct LossFile {
  std::vector<LossTable> tables;
  std::vector<float> embeddingMoment;

  /// Null where the file has no stack of that name.
  const LossTable *find(llvm::StringRef name) const;

  /// Errors name the path and say what is wrong with its content.
  static llvm::Expected<LossFile> read(llvm::StringRef path);
  /// The same for text in memory; `path` is for messages.
  static llvm::Expected<LossFile> parse(llvm::StringRef text,
                                        llvm::StringRef path);
  llvm::Error write(llvm::StringRef path) const;
};

} // namespace picollm

#endif // PICOLLM_COMPRESSION_LOSSFILE_H
