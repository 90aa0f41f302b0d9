// One conversation with a model: picollm_session of the C API.
#ifndef PICOLLM_RUNTIME_SESSION_H
#define PICOLLM_RUNTIME_SESSION_H

#include "Model.h"
#include "ThreadPool.h"

#include <atomic>
#include <cstdlib>
#include <memory>

namespace picollm::runtime {

/// Zeroed memory, aligned to 64 bytes, whose pages come with their first use.
class AlignedMemory {
public:
  /// Throws std::bad_alloc.
  void allocate(uint64_t bytes);
  uint8_t *data() const { return aligned; }

private:
  struct Free {
    void operator()(void *block) const { std::free(block); }
  };
  std::unique_ptr<void, Free> block;
  uint8_t *aligned = nullptr;
};

/// What a call does in a session.
enum class Activity { None, Working, Generating, Interrupted };
using ActivityState = std::atomic<Activity>;
// A signal handler may interrupt.
static_assert(ActivityState::is_always_lock_free);

/// One call's use of a session. It is granted if no other call has it.
class SessionUse {
public:
  SessionUse(ActivityState &state, Activity activity) : state(state) {
    Activity none = Activity::None;
    granted = state.compare_exchange_strong(none, activity);
  }
  SessionUse(const SessionUse &) = delete;
  ~SessionUse() {
    if (granted)
      state = Activity::None;
  }
  bool isGranted() const { return granted; }

private:
  ActivityState &state;
  bool granted;
};

} // namespace picollm::runtime

/// No member function checks or changes the activity but interrupt; the
/// functions of the C API do (SessionUse).
struct picollm_session {
  using Failure = picollm::runtime::Failure;

  explicit picollm_session(const picollm_model &model) : model(model) {}

  /// Throws std::bad_alloc and std::system_error.
  Failure open(const picollm_session_options &options);

  Failure truncate(int64_t newPosition);
  /// picollm_forward_sessions, of which no two are the same.
  static Failure forwardTogether(picollm_session *const *sessions,
                                 const int32_t *newTokens, size_t count,
                                 float *logitsOut);
  Failure forward(const int32_t *newTokens, size_t count, size_t logitsFrom,
                  float *logitsOut);
  /// picollm_generate with a prompt of tokens.
  Failure generateTokens(std::vector<int32_t> promptTokens,
                         const picollm_generate_options &options,
                         picollm_stream stream, void *user,
                         picollm_generate_result &result);
  Failure save(const std::string &path) const;
  Failure load(const std::string &path);
  /// The same for the bytes of a file; `path` is for messages.
  Failure restore(const uint8_t *data, size_t size, const std::string &path);

  /// Of a running generation. Async-signal-safe.
  void interrupt() {
    auto generating = picollm::runtime::Activity::Generating;
    activity.compare_exchange_strong(generating,
                                     picollm::runtime::Activity::Interrupted);
  }
  bool isInterrupted() const {
    return activity == picollm::runtime::Activity::Interrupted;
  }

  int64_t getPosition() const { return int64_t(tokens.size()); }

  const picollm_model &model;
  int64_t context = 0;
  /// The context. The last ones may not have been run yet: what was generated
  /// last is only run when something follows it.
  std::vector<int32_t> tokens;
  picollm::runtime::ThreadPool threads;
  mutable picollm::runtime::ActivityState activity{
      picollm::runtime::Activity::None};

private:
  /// What is generated when the prompt is in the context.
  struct Completion;

  Failure checkTokens(const int32_t *newTokens, size_t count) const;
  Failure checkRoom(size_t count) const;
  /// Replaces `tokens` by the context with the prompt, from which the cache
  /// then keeps what it can; changes nothing on failure.
  Failure placePrompt(const std::vector<int32_t> &prompt, bool fromStart,
                      picollm_generate_result &result);
  /// False if the generation ended before all of it was run.
  bool runPrompt(Completion &completion);
  void complete(Completion &completion);
  /// What a call of the model computes, in one chunk or several.
  struct Call {
    int64_t tokens, logits;
  };
  /// Runs those of `tokens` that have not been run.
  void runRest();
  /// Runs the next `count` of `tokens`, at most chunkTokens; logits of those
  /// from logitsBegin on, counted from the first that is run.
  void runChunk(const Call &call, int64_t count, int64_t logitsBegin,
                float *logitsOut);
  /// The next `count` tokens as a part of a step.
  picollm_step_sequence sequence(int64_t firstToken, int64_t count);
  /// A step of `count` tokens on this session's threads; logits of those from
  /// logitsBegin on.
  void runStep(const Call &call, const picollm_step_sequence *sequences,
               int64_t sequenceCount, const int32_t *stepTokens, int64_t count,
               int64_t logitsBegin, float *logitsOut);

  /// A prompt runs in parts of so many tokens: enough to use each weight often
  /// while it is in the cache, few enough that a part's activations stay there.
  static constexpr int64_t chunkTokens = 64;

  picollm::runtime::AlignedMemory kv;
  picollm::runtime::AlignedMemory scratch;
  int64_t cached = 0;        ///< so many of `tokens` have keys and values in kv
  std::vector<float> logits; ///< [vocabulary], of the last token
};

#endif
