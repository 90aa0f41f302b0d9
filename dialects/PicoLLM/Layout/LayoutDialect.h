//===- LayoutDialect.h - mixed-bit matrices and encodings -------*- C++ -*-===//
//
// Ops, types and rules: dialects/SPEC.md, section "Layout level". (Layout.h is
// the plain C++ description of the same layout, without MLIR.)
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LAYOUT_LAYOUTDIALECT_H
#define PICOLLM_LAYOUT_LAYOUTDIALECT_H

#include "PicoLLM/Model/Model.h"
#include "picollm/Layout/Layout.h"

#include "PicoLLM/Layout/LayoutDialect.h.inc"

namespace picollm::layout {
class ActivationType;
} // namespace picollm::layout

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Layout/LayoutAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "PicoLLM/Layout/LayoutTypes.h.inc"

#define GET_OP_CLASSES
#include "PicoLLM/Layout/LayoutOps.h.inc"

namespace picollm::layout {

/// The name of an encoding in the IR: none, table4_i8, codes_i8 or f32.
llvm::StringRef stringifyEncoding(ActivationEncoding encoding);

} // namespace picollm::layout

#endif // PICOLLM_LAYOUT_LAYOUTDIALECT_H
