// The C functions of sessions and generation.
#include "CApi.h"

#include <algorithm>
#include <deque>
#include <memory>

using namespace picollm::runtime;

picollm_status picollm_session_create(const picollm_model *model,
                                      const picollm_session_options *options,
                                      picollm_session **session,
                                      picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (!model || !session)
      return isNull(model ? "session" : "model");
    auto made = std::make_unique<picollm_session>(*model);
    const picollm_session_options defaults = {};
    if (Failure failure = made->open(options ? *options : defaults))
      return failure;
    *session = made.release();
    return success();
  });
}

void picollm_session_free(picollm_session *session) { delete session; }

void picollm_session_reset(picollm_session *session) {
  (void)picollm_session_truncate(session, 0, nullptr);
}

picollm_status picollm_session_truncate(picollm_session *session,
                                        int64_t position,
                                        picollm_error *error) {
  return guardedUse(session, Activity::Working, error,
                    [&] { return session->truncate(position); });
}

size_t picollm_session_tokens(const picollm_session *session, int32_t *tokens,
                              size_t capacity) {
  const std::vector<int32_t> &all = session->tokens;
  std::copy_n(all.begin(), std::min(capacity, all.size()), tokens);
  return all.size();
}

void picollm_session_interrupt(picollm_session *session) {
  session->interrupt();
}

picollm_status picollm_session_save(const picollm_session *session,
                                    const char *path, picollm_error *error) {
  return guardedUse(session, Activity::Working, error, [&] {
    return path ? session->save(path) : isNull("path");
  });
}

picollm_status picollm_session_load(picollm_session *session, const char *path,
                                    picollm_error *error) {
  return guardedUse(session, Activity::Working, error, [&] {
    return path ? session->load(path) : isNull("path");
  });
}

int64_t picollm_session_position(const picollm_session *session) {
  return session->getPosition();
}
int64_t picollm_session_context(const picollm_session *session) {
  return session->context;
}
int32_t picollm_session_threads(const picollm_session *session) {
  return session->threads.getThreadCount();
}

picollm_status picollm_forward(picollm_session *session, const int32_t *tokens,
                               size_t count, size_t logits_from, float *logits,
                               picollm_error *error) {
  return guardedUse(session, Activity::Working, error, [&] {
    return session->forward(tokens, count, logits_from, logits);
  });
}

picollm_status picollm_forward_sessions(picollm_session *const *sessions,
                                        const int32_t *tokens, size_t count,
                                        float *logits, picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (count == 0)
      return success();
    if (!sessions || !tokens)
      return isNull(sessions ? "tokens" : "sessions");
    std::deque<SessionUse> uses;
    for (size_t i = 0; i < count; ++i) {
      const std::string name = "session " + std::to_string(i);
      if (!sessions[i])
        return isNull(name.c_str());
      if (!uses.emplace_back(sessions[i]->activity, Activity::Working)
               .isGranted())
        return {PICOLLM_BUSY, name +
                                  " is busy: another call works in it, or it "
                                  "is given twice"};
    }
    return picollm_session::forwardTogether(sessions, tokens, count, logits);
  });
}

picollm_status picollm_generate(picollm_session *session, const char *prompt,
                                size_t length,
                                const picollm_generate_options *options,
                                picollm_stream stream, void *user,
                                picollm_generate_result *result,
                                picollm_error *error) {
  const picollm_generate_options defaults = {};
  const picollm_generate_options &wanted = options ? *options : defaults;
  auto makePrompt = [&](std::vector<int32_t> &tokens) -> Failure {
    if (!prompt && length > 0)
      return isNull("prompt");
    const picollm::Tokenizer *tokenizer = session->model.getTokenizer();
    if (!tokenizer)
      return withoutTokenizer();
    if (length > 0)
      tokens = tokenizer->encode({prompt, length}, wanted.parse_special != 0);
    const bool first = wanted.from_start || session->getPosition() == 0;
    if (first && tokenizer->addBos() && tokenizer->bos() >= 0)
      tokens.insert(tokens.begin(), tokenizer->bos());
    return success();
  };
  return guardedGeneration(session, wanted, stream, user, result, error,
                           makePrompt);
}
