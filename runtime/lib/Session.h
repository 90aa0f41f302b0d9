// One conversation with a model: picollm_session of the C API.
#ifndef PICOLLM_RUNTIME_SESSION_H
#define PICOLLM_RUNTIME_SESSION_H

#include "Model.h"
#include "ThreadPool.h"

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

} // namespace picollm::runtime

struct picollm_session {
  using Failure = picollm::runtime::Failure;

  explicit picollm_session(const picollm_model &model) : model(model) {}

  /// Throws std::bad_alloc and std::system_error.
  Failure open(const picollm_session_options &options);
  void reset();

  Failure forward(const int32_t *tokens, size_t count, size_t logitsFrom,
                  float *logits);
  Failure generate(std::string_view prompt,
                   const picollm_generate_options &options,
                   picollm_stream stream, void *user,
                   picollm_generate_result &result);

  /// Tokens in the context, with those that were generated last and have not
  /// been run yet.
  int64_t getPosition() const { return position + int64_t(pending.size()); }

  const picollm_model &model;
  int64_t context = 0;
  picollm::runtime::ThreadPool threads;

private:
  /// What is generated when the prompt is in the context.
  struct Completion;

  Failure checkTokens(const int32_t *tokens, size_t count) const;
  /// Tokens to run for this prompt, in `tokens`; the context is not changed.
  Failure preparePrompt(std::string_view prompt, bool parseSpecial,
                        std::vector<int32_t> &tokens,
                        picollm_generate_result &result) const;
  void complete(Completion &completion);
  /// Runs at most chunkTokens checked tokens that fit the context; logits of
  /// tokens[logitsBegin..count).
  void runChunk(const int32_t *tokens, int64_t count, int64_t logitsBegin,
                float *logits);

  picollm::runtime::AlignedMemory kv;
  picollm::runtime::AlignedMemory scratch;
  int64_t position = 0;         ///< tokens whose keys and values are in kv
  std::vector<int32_t> pending; ///< to be run before any others
  std::vector<float> logits;    ///< [vocabulary], of the last token
};

#endif
