// How the functions of the runtime report a failure.
#ifndef PICOLLM_RUNTIME_ERROR_H
#define PICOLLM_RUNTIME_ERROR_H

#include "picollm.h"

#include <string>

namespace picollm::runtime {

/// Why something failed. Converts to true for a failure, so that
/// `if (Failure failure = act()) return failure;` passes it on.
struct [[nodiscard]] Failure {
  picollm_status status = PICOLLM_OK;
  std::string message;

  explicit operator bool() const { return status != PICOLLM_OK; }
};

inline Failure success() { return {}; }

} // namespace picollm::runtime

#endif
