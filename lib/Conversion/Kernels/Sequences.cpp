//===- Sequences.cpp - the sequences that a step works on -----------------===//

#include "../StepFunctions.h"
#include "picollm/abi.h"
#include <cstddef>

using namespace picollm;

void picollm::forEachSequence(
    KernelBuilder &k, Value sequences, Value count,
    llvm::function_ref<void(const StepSequence &)> body) {
  k.loop(k.index(0), count, 1, [&](Value index) {
    using S = picollm_step_sequence;
    Value sequence = k.at(sequences, k.mul(index, k.index(sizeof(S))));
    auto member = [&](Type type, size_t offset) {
      return k.load(type, k.at(sequence, int64_t(offset)), 8);
    };
    body({index, member(k.ptr, offsetof(S, kv)),
          member(k.i64, offsetof(S, context)),
          member(k.i64, offsetof(S, position)),
          member(k.i64, offsetof(S, first_token)),
          member(k.i64, offsetof(S, token_count))});
  });
}
