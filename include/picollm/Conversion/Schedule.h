//===- Schedule.h - how kernels are laid out --------------------*- C++ -*-===//
//
// What changes the speed of kernels on a processor and never their results.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_CONVERSION_SCHEDULE_H
#define PICOLLM_CONVERSION_SCHEDULE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "picollm/Conversion/InstructionSet.h"
#include "llvm/Support/Error.h"

namespace picollm {

struct Schedule {
  /// Steps of 8 columns in one turn of a loop of look-ups, 1..16.
  int64_t planeSteps;
  /// Rows of activations that a product for many multiplies at once, 1..16.
  int64_t productTokens;
  /// How far behind what a kernel reads lies what it asks memory for, up to
  /// 2^20; 0: it does not ask.
  int64_t prefetchBytes;
};

Schedule defaultSchedule(InstructionSet isa);

/// What `picollm.schedules` of `module`, if it is there, says of `isa`, and the
/// default for what it leaves open.
Schedule scheduleOf(mlir::ModuleOp module, InstructionSet isa);

/// Reads such an attribute from a file, {"avx2": {"plane_steps": 4,
/// "product_tokens": 2, "prefetch_bytes": 3072}, ...}; all members may be
/// missing. `picollm-bench --tune` writes it.
llvm::Expected<mlir::DictionaryAttr> readSchedules(mlir::MLIRContext *context,
                                                   llvm::StringRef path);

/// Sets the attribute from a file; nothing where `path` is empty. Errors are
/// reported where the module's are.
mlir::LogicalResult setSchedules(mlir::ModuleOp module, llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_CONVERSION_SCHEDULE_H
