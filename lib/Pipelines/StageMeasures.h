//===- StageMeasures.h - time and memory of each stage ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_STAGEMEASURES_H
#define PICOLLM_LIB_PIPELINES_STAGEMEASURES_H

#include "mlir/Support/Timing.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace picollm {

struct StageMeasure {
  std::string stage;
  double seconds = 0;
  int64_t peakResidentBytes = 0; ///< pages of mapped files included
  /// Without them; looked at every 5 ms. 0 where the system does not say.
  int64_t peakAnonymousBytes = 0;
};

/// Runs the stages of a compilation and keeps what each one took; is also what
/// --mlir-timing reports.
class StageMeasures {
public:
  /// `memory`: whether to look at the memory, which takes a thread.
  explicit StageMeasures(bool memory);

  llvm::Error run(llvm::StringRef stage,
                  llvm::function_ref<llvm::Error(mlir::TimingScope &)> body);

  /// In the order in which they ran.
  llvm::ArrayRef<StageMeasure> all() const { return measures; }

  /// A table for people.
  void print(llvm::raw_ostream &os) const;
  /// {"stages": [{"stage", "seconds", "peak_resident_bytes",
  /// "peak_anonymous_bytes"}]}
  std::string json() const;

private:
  bool memory;
  std::vector<StageMeasure> measures;
  // Printed, if asked for, when the manager goes, after the scope.
  mlir::DefaultTimingManager timing;
  mlir::TimingScope root;
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_STAGEMEASURES_H
