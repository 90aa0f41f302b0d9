//===- StepFunction.h - the function of a step program ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_STEPFUNCTION_H
#define PICOLLM_LIB_CONVERSION_STEPFUNCTION_H

#include "PicoLLM/Step/Step.h"
#include "picollm/Attention/Attention.h"
#include "picollm/Conversion/StepParts.h"
#include <map>

namespace picollm {

/// How attention of the program's model is called.
struct AttentionObject {
  std::string function;
  AttentionShape shape;
};

/// By the window of a layer; 0: none.
using AttentionObjects = std::map<int64_t, AttentionObject>;

/// Generates step_<isa>, a picollm_step_function, for the program, whose
/// layers' windows `attention` has. Reports an error at the op that cannot be
/// lowered. The module keeps the program.
mlir::FailureOr<mlir::func::FuncOp>
emitStepFunction(step::ProgramOp program, model::ConfigAttr config,
                 InstructionSet isa, const AttentionObjects &attention);

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_STEPFUNCTION_H
