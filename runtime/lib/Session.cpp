#include "Session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

using namespace picollm::runtime;

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
  // A batch of sessions may have more tokens than the context of this one.
  uint64_t scratchBytes = 0;
  for (int64_t tokens = 1; tokens <= chunkTokens; ++tokens)
    scratchBytes =
        std::max(scratchBytes, compiled.scratch_bytes(tokens, threadCount));
  scratch.allocate(scratchBytes);
  logits.resize(size_t(compiled.vocabulary));
  tokens.reserve(size_t(context));
  threads.start(threadCount);
  return success();
}

Failure picollm_session::truncate(int64_t newPosition) {
  if (newPosition < 0 || newPosition > getPosition())
    return {PICOLLM_INVALID_ARGUMENT, "position: must be between 0 and the " +
                                          std::to_string(getPosition()) +
                                          " tokens of the context, not " +
                                          std::to_string(newPosition)};
  tokens.resize(size_t(newPosition));
  cached = std::min(cached, newPosition);
  return success();
}

Failure picollm_session::checkTokens(const int32_t *newTokens,
                                     size_t count) const {
  for (size_t i = 0; i < count; ++i)
    if (newTokens[i] < 0 || newTokens[i] >= model.compiled->vocabulary)
      return {PICOLLM_INVALID_ARGUMENT,
              "token " + std::to_string(i) + ": must be between 0 and " +
                  std::to_string(model.compiled->vocabulary - 1) + ", not " +
                  std::to_string(newTokens[i])};
  return success();
}

Failure picollm_session::checkRoom(size_t count) const {
  const int64_t room = context - getPosition();
  if (count > size_t(room))
    return {PICOLLM_CONTEXT_FULL,
            std::to_string(count) +
                (count == 1 ? " token does" : " tokens do") +
                " not fit the context: " + std::to_string(room) + " of its " +
                std::to_string(context) +
                " positions are free; reset the session or create one with a "
                "longer context"};
  return success();
}

picollm_step_sequence picollm_session::sequence(int64_t firstToken,
                                                int64_t count) {
  return {kv.data(), context, cached, firstToken, count};
}

namespace {
struct Run {
  picollm_step_function step;
  picollm_step_arguments arguments;
};
} // namespace

void picollm_session::runStep(const Call &call,
                              const picollm_step_sequence *sequences,
                              int64_t sequenceCount, const int32_t *stepTokens,
                              int64_t count, int64_t logitsBegin,
                              float *logitsOut) {
  Run run = {};
  run.step = model.variant->step;
  picollm_step_arguments &arguments = run.arguments;
  arguments.weights = model.weights;
  arguments.sequences = sequences;
  arguments.sequence_count = sequenceCount;
  arguments.scratch = scratch.data();
  arguments.tokens = stepTokens;
  arguments.logits = logitsOut;
  arguments.token_count = count;
  arguments.logits_begin = logitsBegin;
  arguments.call_tokens = call.tokens;
  arguments.call_logits = call.logits;
  arguments.barrier = &threads.getBarrier();
  arguments.wait = [](void *barrier) {
    static_cast<Barrier *>(barrier)->wait();
  };
  threads.run(
      [](void *argument, int32_t thread, int32_t threadCount) {
        const Run &run = *static_cast<const Run *>(argument);
        run.step(&run.arguments, thread, threadCount);
      },
      // Of several tokens a thread may have more, or more heads, than another.
      &run, /*evenRounds=*/count == 1);
}

void picollm_session::runChunk(const Call &call, int64_t count,
                               int64_t logitsBegin, float *logitsOut) {
  const picollm_step_sequence own = sequence(0, count);
  runStep(call, &own, 1, tokens.data() + cached, count, logitsBegin, logitsOut);
  cached += count;
}

void picollm_session::runRest() {
  const Call rest = {getPosition() - cached, 0};
  while (cached < getPosition()) {
    const int64_t count = std::min(chunkTokens, getPosition() - cached);
    runChunk(rest, count, count, nullptr);
  }
}

Failure picollm_session::forward(const int32_t *newTokens, size_t count,
                                 size_t logitsFrom, float *logitsOut) {
  if (logitsFrom > count)
    return {PICOLLM_INVALID_ARGUMENT,
            "logits_from: must be at most the " + std::to_string(count) +
                " tokens given, not " + std::to_string(logitsFrom)};
  if ((count > 0 && !newTokens) || (logitsFrom < count && !logitsOut))
    return {PICOLLM_INVALID_ARGUMENT, "tokens or logits: must not be null"};
  if (Failure failure = checkTokens(newTokens, count))
    return failure;
  if (Failure failure = checkRoom(count))
    return failure;
  // What a generation has left comes first; nobody wants its logits.
  runRest();
  tokens.insert(tokens.end(), newTokens, newTokens + count);
  const Call call = {int64_t(count), int64_t(count - logitsFrom)};
  const size_t vocabulary = size_t(model.compiled->vocabulary);
  for (size_t part = 0; part < count; part += chunkTokens) {
    const size_t end = std::min(count, part + chunkTokens);
    const size_t wanted = std::clamp(logitsFrom, part, end);
    float *out =
        wanted < end ? logitsOut + (wanted - logitsFrom) * vocabulary : nullptr;
    runChunk(call, int64_t(end - part), int64_t(wanted - part), out);
  }
  return success();
}

Failure picollm_session::forwardTogether(picollm_session *const *sessions,
                                         const int32_t *newTokens, size_t count,
                                         float *logitsOut) {
  picollm_session &first = *sessions[0];
  for (size_t i = 0; i < count; ++i) {
    const std::string name = "session " + std::to_string(i) + ": ";
    if (&sessions[i]->model != &first.model)
      return {PICOLLM_INVALID_ARGUMENT,
              name + "must be of the same model as session 0"};
    if (Failure failure = sessions[i]->checkRoom(1))
      return {failure.status, name + failure.message};
  }
  if (Failure failure = first.checkTokens(newTokens, count))
    return failure;
  for (size_t i = 0; i < count; ++i)
    sessions[i]->runRest();
  const Call call = {int64_t(count), logitsOut ? int64_t(count) : 0};
  const size_t vocabulary = size_t(first.model.compiled->vocabulary);
  std::array<picollm_step_sequence, chunkTokens> sequences;
  for (size_t begin = 0; begin < count; begin += chunkTokens) {
    const size_t part = std::min(count - begin, size_t(chunkTokens));
    for (size_t i = 0; i < part; ++i)
      sequences[i] = sessions[begin + i]->sequence(int64_t(i), 1);
    float *out = logitsOut ? logitsOut + begin * vocabulary : nullptr;
    first.runStep(call, sequences.data(), int64_t(part), newTokens + begin,
                  int64_t(part), out ? 0 : int64_t(part), out);
    for (size_t i = begin; i < begin + part; ++i) {
      sessions[i]->tokens.push_back(newTokens[i]);
      ++sessions[i]->cached;
    }
  }
  return success();
}
