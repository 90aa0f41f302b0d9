//===- FirstError.h - what MLIR complains about, as a message ---*- C++ -*-===//

#ifndef PICOLLM_DIALECTS_FIRSTERROR_H
#define PICOLLM_DIALECTS_FIRSTERROR_H

#include "mlir/IR/Diagnostics.h"
#include <string>

namespace picollm {

/// Takes what is said of a context's IR while this exists, so that nothing is
/// printed, and keeps the text of the first error: it is the user's; MLIR's own
/// form of it (location, notes) is for developers of passes.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (text.empty() &&
              diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            text = diagnostic.str();
          return mlir::success();
        }) {}

  /// Empty if there was none.
  const std::string &message() const { return text; }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler; ///< refers to `text`
};

} // namespace picollm

#endif // PICOLLM_DIALECTS_FIRSTERROR_H
