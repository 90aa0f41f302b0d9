//===- Dialects.h - the dialects that picollm-opt reads ---------*- C++ -*-===//

#ifndef PICOLLM_OPT_DIALECTS_H
#define PICOLLM_OPT_DIALECTS_H

namespace mlir {
class DialectRegistry;
}

namespace picollm {

/// The three dialects of picollm and those of MLIR that its pipelines use.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace picollm

#endif // PICOLLM_OPT_DIALECTS_H
