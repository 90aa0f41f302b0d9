//===- AllocationFile.h - allocation.json and its summary -------*- C++ -*-===//

#ifndef PICOLLM_QUANTIZATION_ALLOCATIONFILE_H
#define PICOLLM_QUANTIZATION_ALLOCATIONFILE_H

#include "picollm/Quantization/BitWidths.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace picollm {

/// What one matrix (or stack of matrices) got.
struct MatrixAllocation {
  std::string name;
  StackAllocation stack; ///< `order` may be empty in a file: by importance
  double loss = 0;       ///< squared output error, see LossTable
  /// The weight of the model whose rows each panel holds; may be empty.
  std::vector<std::string> sources;

  /// Bits per weight, scales and order included.
  double bits() const;
};

/// The content of allocation.json.
struct AllocationReport {
  std::string scheme;    ///< of the compression; may be empty in a file
  int64_t fileBytes = 0; ///< of the weight file
  int64_t weights = 0;   ///< of the model
  std::vector<MatrixAllocation> matrices;
  std::optional<Optimality> optimality; ///< absent where nothing was allocated

  double bitsPerWeight() const;
};

/// Joins an allocation with the tables it came from.
AllocationReport makeReport(const Allocation &allocation,
                            llvm::ArrayRef<LossTable> tables, int64_t weights);

/// The report as JSON text, one line per matrix.
std::string formatAllocation(const AllocationReport &report);

/// Reads JSON text; `name` is the file's, for messages. Fails on text that is
/// no JSON, on missing keys and on layouts that break a rule.
llvm::Expected<AllocationReport> parseAllocation(llvm::StringRef text,
                                                 llvm::StringRef name);

/// The same for files. Writing replaces `path` only when all is written.
llvm::Error writeAllocation(const AllocationReport &report,
                            llvm::StringRef path);
llvm::Expected<AllocationReport> readAllocation(llvm::StringRef path);

/// Looks up the widths of a user's file for the stacks of `tables`, by name.
/// Columns without an order in the file are stored by falling importance.
/// Where neighbours of an order have one width in all panels, quantizeStack
/// sorts them anew.
/// Losses, and how near they come to the best of this size, are those of the
/// tables, where these have them. Fails where a stack is missing or has another
/// shape.
llvm::Expected<Allocation> applyReport(const AllocationReport &report,
                                       llvm::ArrayRef<LossTable> tables,
                                       int64_t fixedBytes);

/// Prints file size, bits per weight, the duality gap and where the bits went:
/// by kind of matrix (names without their numbers) and by width.
void printSummary(const AllocationReport &report, llvm::raw_ostream &out);

} // namespace picollm

#endif // PICOLLM_QUANTIZATION_ALLOCATIONFILE_H
