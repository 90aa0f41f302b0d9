#include "Session.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

using namespace picollm::runtime;

/// A prompt runs in parts of so many tokens: enough to use each weight often
/// while it is in the cache, few enough that a part's activations stay there.
static constexpr int64_t chunkTokens = 64;

static constexpr int64_t defaultContextLimit = 8192;
static constexpr int32_t maxThreads = 256;

void AlignedMemory::allocate(uint64_t bytes) {
  constexpr size_t alignment = 64;
  if (bytes > SIZE_MAX - alignment)
    throw std::bad_alloc();
  // calloc gets large blocks from the system, zeroed and not yet resident.
  block.reset(std::calloc(size_t(bytes) + alignment, 1));
  if (!block)
    throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(block.get());
  aligned = reinterpret_cast<uint8_t *>((address + alignment - 1) / alignment *
                                        alignment);
}

Failure picollm_session::open(const picollm_session_options &options) {
  const picollm_compiled_model &compiled = *model.compiled;
  context = options.context_length;
  if (context == 0)
    context = std::min(compiled.context, defaultContextLimit);
  if (context < 1 || context > compiled.context)
    return {PICOLLM_INVALID_ARGUMENT,
            "context length: must be between 1 and the " +
                std::to_string(compiled.context) +
                " positions of the model, not " + std::to_string(context)};
  const int32_t threadCount = options.threads == 0
                                  ? std::min(physicalCores(), maxThreads)
                                  : options.threads;
  if (threadCount < 1 || threadCount > maxThreads)
    return {PICOLLM_INVALID_ARGUMENT,
            "threads: must be between 1 and " + std::to_string(maxThreads) +
                ", not " + std::to_string(threadCount)};
  kv.allocate(compiled.kv_bytes(context));
  uint64_t scratchBytes = 0;
  for (int64_t tokens = 1; tokens <= std::min(chunkTokens, context); ++tokens)
    scratchBytes =
        std::max(scratchBytes, compiled.scratch_bytes(tokens, threadCount));
  scratch.allocate(scratchBytes);
  logits.resize(size_t(compiled.vocabulary));
  threads.start(threadCount);
  return success();
}

void picollm_session::reset() {
  position = 0;
  pending.clear();
}

Failure picollm_session::checkTokens(const int32_t *tokens,
                                     size_t count) const {
  for (size_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || tokens[i] >= model.compiled->vocabulary)
      return {PICOLLM_INVALID_ARGUMENT,
              "token " + std::to_string(i) + ": must be between 0 and " +
                  std::to_string(model.compiled->vocabulary - 1) + ", not " +
                  std::to_string(tokens[i])};
  return success();
}

namespace {
struct Run {
  picollm_step_function step;
  picollm_step_arguments arguments;
};
} // namespace

void picollm_session::runChunk(const int32_t *tokens, int64_t count,
                               int64_t logitsBegin, float *logitsOut) {
  Run run = {};
  run.step = model.variant->step;
  picollm_step_arguments &arguments = run.arguments;
  arguments.weights = model.weights;
  arguments.kv = reinterpret_cast<uint16_t *>(kv.data());
  arguments.scratch = scratch.data();
  arguments.tokens = tokens;
  arguments.logits = logitsOut;
  arguments.token_count = count;
  arguments.position = position;
  arguments.context = context;
  arguments.logits_begin = logitsBegin;
  arguments.barrier = &threads.getBarrier();
  arguments.wait = [](void *barrier) {
    static_cast<Barrier *>(barrier)->wait();
  };
  threads.run(
      [](void *argument, int32_t thread, int32_t threadCount) {
        const Run &run = *static_cast<const Run *>(argument);
        run.step(&run.arguments, thread, threadCount);
      },
      &run);
  position += count;
}

Failure picollm_session::forward(const int32_t *tokens, size_t count,
                                 size_t logitsFrom, float *logitsOut) {
  if (logitsFrom > count)
    return {PICOLLM_INVALID_ARGUMENT,
            "logits_from: must be at most the " + std::to_string(count) +
                " tokens given, not " + std::to_string(logitsFrom)};
  if ((count > 0 && !tokens) || (logitsFrom < count && !logitsOut))
    return {PICOLLM_INVALID_ARGUMENT, "tokens or logits: must not be null"};
  if (Failure failure = checkTokens(tokens, count))
    return failure;
  const int64_t room = context - getPosition();
  if (count > size_t(room))
    return {PICOLLM_CONTEXT_FULL,
            std::to_string(count) + " tokens do not fit the context: " +
                std::to_string(room) + " of its " + std::to_string(context) +
                " positions are free; reset the session or create one with a "
                "longer context"};
  if (!pending.empty() && count > 0) {
    const std::vector<int32_t> first = std::exchange(pending, {});
    runChunk(first.data(), int64_t(first.size()), int64_t(first.size()),
             nullptr);
  }
  const size_t vocabulary = size_t(model.compiled->vocabulary);
  for (size_t begin = 0; begin < count; begin += chunkTokens) {
    const size_t end = std::min(count, begin + chunkTokens);
    const size_t wanted = std::clamp(logitsFrom, begin, end);
    float *out =
        wanted < end ? logitsOut + (wanted - logitsFrom) * vocabulary : nullptr;
    runChunk(tokens + begin, int64_t(end - begin), int64_t(wanted - begin),
             out);
  }
  return success();
}
