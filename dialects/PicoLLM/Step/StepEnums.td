//===- StepEnums.td - enumerations of the step level -------*- tablegen -*-===//
//
// A file of its own: the generator of enumerations emits those of included
// files too.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_STEP_ENUMS_TD
#define PICOLLM_STEP_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Step_Epilogue : I32EnumAttr<"Epilogue", "what a linear does with its sums", [
    I32EnumAttrCase<"Store", 0, "store">,
    I32EnumAttrCase<"Add", 1, "add">,
    I32EnumAttrCase<"SiLU", 2, "silu">,
    I32EnumAttrCase<"GeLUTanh", 3, "gelu_tanh">]> {
  let cppNamespace = "::picollm::step";
  let genSpecializedAttr = 0;
}

#endif // PICOLLM_STEP_ENUMS_TD
