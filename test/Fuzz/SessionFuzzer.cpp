//===- SessionFuzzer.cpp - saved sessions of any bytes --------------------===//
//
// What loads must be a context that goes on; what does not must leave the
// session as it was.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "Runtime/FakeFiles.h"
#include "Runtime/FakeModel.h"
#include "Session.h"
#include "Sha256.h"
#include "picollm/session_file.h"
#include <cstring>

using namespace picollm;

using Header = picollm_session_file_header;
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// Three of four mutations get the size and the hash right again, half of them
/// the number of cached tokens too.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  if (size < sizeof(Header) || seed % 4 == 0)
    return size;
  Header header;
  std::memcpy(&header, data, sizeof header);
  header.file_bytes = size;
  const size_t rest = size - sizeof header;
  const auto *compiled = picollm_fake_model();
  if (seed % 4 > 1) {
    constexpr size_t positions = PICOLLM_KV_BLOCK_POSITIONS;
    const auto block = size_t(compiled->kv_bytes(1));
    const size_t blocks = rest / (block + positions * sizeof(int32_t));
    header.cached = int64_t(blocks * positions);
    header.tokens = int64_t((rest - blocks * block) / sizeof(int32_t));
  }
  std::memset(header.sha256, 0, sizeof header.sha256);
  runtime::Sha256 hash;
  hash.update(&header, sizeof header);
  hash.update(data + sizeof header, rest);
  const auto digest = hash.finish();
  std::memcpy(header.sha256, digest.data(), digest.size());
  std::memcpy(data, &header, sizeof header);
  return size;
}

namespace {

/// A session of the fake model with a few tokens in its context.
class Conversation {
public:
  explicit Conversation(int64_t context) : weights(test::fakeWeights()) {
    check(picollm_model_from_compiled(picollm_fake_model(), weights.data(),
                                      weights.size() * 64, nullptr, 0, nullptr,
                                      &model, nullptr));
    const picollm_session_options options = {context, 1};
    check(picollm_session_create(model, &options, &session, nullptr));
  }
  ~Conversation() {
    picollm_session_free(session);
    picollm_model_free(model);
  }

  void restore(const uint8_t *data, size_t size) {
    const int32_t before[] = {'a', 'b', 'c'};
    picollm_session_reset(session);
    check(picollm_forward(session, before, 3, 3, nullptr, nullptr));
    const auto failure = session->restore(data, size, "session");
    const int64_t position = picollm_session_position(session);
    if (failure) {
      requireSentence(failure.message);
      require(position == 3, "a failure that changed the context");
    }
    require(position <= picollm_session_context(session),
            "a context longer than its session");
    const int32_t next = 'd';
    const picollm_status status =
        picollm_forward(session, &next, 1, 0, logits.data(), nullptr);
    require(status == PICOLLM_OK ||
                position == picollm_session_context(session),
            "a context that does not go on");
  }

private:
  static void check(picollm_status status) {
    require(status == PICOLLM_OK, "the fake model does not run");
  }

  std::vector<test::CacheLine> weights;
  std::vector<float> logits = std::vector<float>(FAKE_VOCABULARY);
  picollm_model *model = nullptr;
  picollm_session *session = nullptr;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Conversation large(FAKE_CONTEXT), small(8);
  large.restore(data, size);
  small.restore(data, size);
  return 0;
}
