//===- StepFunctions.h - the functions that a step calls --------*- C++ -*-===//
//
// One private function per distinct layout or shape; asking again for an equal
// one gives the same function. All divide their work among `threads` threads
// (thread: i64 in [0, threads)) so that results do not depend on the number.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_CONVERSION_STEPFUNCTIONS_H
#define PICOLLM_LIB_CONVERSION_STEPFUNCTIONS_H

#include "KernelBuilder.h"
#include "picollm/Conversion/StepParts.h"
#include "picollm/Layout/Layout.h"
#include <map>

namespace picollm {

/// A function that the step needs: its text is equal for equal needs.
class FunctionTable {
public:
  /// The function of `key`, or null.
  mlir::func::FuncOp find(const std::string &key) const {
    auto found = functions.find(key);
    return found == functions.end() ? nullptr : found->second;
  }
  void insert(const std::string &key, mlir::func::FuncOp function) {
    functions[key] = function;
  }
  /// A number for the next function whose name starts with `stem`.
  std::string number(const std::string &stem) {
    return stem + "_" + std::to_string(numbers[stem]++);
  }

private:
  std::map<std::string, mlir::func::FuncOp> functions;
  std::map<std::string, int> numbers;
};

/// Columns and panels as text, the same for equal layouts only.
std::string layoutKey(const MatrixLayout &layout);

/// First unit of `thread`: total * thread / threads.
Value shareBegin(KernelBuilder &k, Value total, Value thread, Value threads);

/// Whether so many rows are Rows::Many, i1.
Value emitIsMany(KernelBuilder &k, Value rows);

/// 1 / sqrt(mean(x^2) + epsilon) of `columns` floats at x, as f32.
Value emitInverseRMS(KernelBuilder &k, Value x, int64_t columns,
                     double epsilon);

/// store((input[j] * r) * norm[j], byte j * 4) for all columns, in vectors of 8
/// and single ones; r is emitInverseRMS of them.
void emitNorm(KernelBuilder &k, Value input, Value norm, int64_t columns,
              double epsilon,
              llvm::function_ref<void(Value x, Value offset)> store);

/// 1 / (1 + exp(-x)) * x and the tanh form of GeLU, for f32 x 8.
Value emitSiLU(KernelBuilder &k, Value x);
Value emitGeLUTanh(KernelBuilder &k, Value x);

/// A picollm_step_sequence, its members loaded.
struct StepSequence {
  Value index;
  Value kv, context, position, firstToken, tokenCount;
};

/// body(s) for each of the step's sequences, one after the other.
void forEachSequence(KernelBuilder &k, Value sequences, Value count,
                     llvm::function_ref<void(const StepSequence &)> body);

/// wait(barrier), two pointers.
void emitBarrier(KernelBuilder &k, Value wait, Value barrier);

/// One f16 at `pointer` as f32.
Value loadHalf(KernelBuilder &k, Value pointer);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_STEPFUNCTIONS_H
