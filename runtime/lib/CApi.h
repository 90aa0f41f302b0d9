// What all functions of the C API do: check pointers, keep exceptions in, let
// one call at a time work in a session.
#ifndef PICOLLM_RUNTIME_CAPI_H
#define PICOLLM_RUNTIME_CAPI_H

#include "Session.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

namespace picollm::runtime {

/// Fills the caller's error, if there is a failure and an error.
picollm_status report(const Failure &failure, picollm_error *error);

inline Failure isNull(const char *argument) {
  return {PICOLLM_INVALID_ARGUMENT,
          std::string(argument) + ": must not be null"};
}

inline Failure withoutTokenizer() {
  return {PICOLLM_INVALID_ARGUMENT,
          "the model was bound without a tokenizer, which text needs"};
}

/// Runs what may throw.
template <typename Action>
picollm_status guarded(picollm_error *error, Action action) {
  try {
    return report(action(), error);
  } catch (const std::bad_alloc &) {
    return report({PICOLLM_OUT_OF_MEMORY, "not enough memory"}, error);
  } catch (const std::length_error &) {
    return report({PICOLLM_OUT_OF_MEMORY, "not enough memory"}, error);
  } catch (const std::system_error &exception) {
    return report({PICOLLM_SYSTEM_ERROR,
                   std::string("the system refused: ") + exception.what()},
                  error);
  } catch (const std::exception &exception) {
    return report({PICOLLM_SYSTEM_ERROR, exception.what()}, error);
  }
}

/// The same for what works in a session, which may be null.
template <typename Action>
picollm_status guardedUse(const picollm_session *session, Activity activity,
                          picollm_error *error, Action action) {
  return guarded(error, [&]() -> Failure {
    if (!session)
      return isNull("session");
    const SessionUse use(session->activity, activity);
    if (!use.isGranted())
      return {PICOLLM_BUSY, "the session is busy: another call works in it; "
                            "wait for its end or interrupt it"};
    return action();
  });
}

/// picollm_generate and its like, from tokens: `makePrompt(tokens)` gives the
/// prompt or a failure, and may read the session.
template <typename MakePrompt>
picollm_status guardedGeneration(picollm_session *session,
                                 const picollm_generate_options &options,
                                 picollm_stream stream, void *user,
                                 picollm_generate_result *result,
                                 picollm_error *error, MakePrompt makePrompt) {
  return guardedUse(session, Activity::Generating, error, [&]() -> Failure {
    std::vector<int32_t> tokens;
    if (Failure failure = makePrompt(tokens))
      return failure;
    picollm_generate_result ended = {};
    Failure failure = session->generateTokens(std::move(tokens), options,
                                              stream, user, ended);
    if (!failure && result)
      *result = ended;
    return failure;
  });
}

} // namespace picollm::runtime

#endif
