//===- Gemma3.cpp - the Gemma 3 family, text only -------------------------===//
//
// Gemma 3 Technical Report, arXiv 2503.19786, section 2; names of tensors as
// llama.cpp's converter writes them, which stores norms as 1 + w.
//
//===----------------------------------------------------------------------===//

#include "Builders.h"
#include <cmath>

using namespace mlir;
using namespace picollm;

static void checkSupported(ModelAssembler &assembler) {
  const ModelDescription &model = assembler.description();
  if (model.attentionSoftcap > 0 || model.logitSoftcap > 0)
    assembler.fail("bounds scores or logits by a tanh (soft-capping), which is "
                   "not supported; published models of Gemma 3 do not");
}

namespace {
/// What differs between layers that attend to everything and local ones.
struct Rotations {
  model::RotationAttr global, local;
};
} // namespace

static Value buildLayer(ModelAssembler &assembler, Value input, int64_t layer,
                        const Rotations &rotations) {
  const ModelDescription &model = assembler.description();
  auto name = [&](StringRef part) {
    return "blk." + std::to_string(layer) + "." + part.str() + ".weight";
  };
  bool isLocal = model.local.includes(layer);
  model::RotationAttr rotation = isLocal ? rotations.local : rotations.global;

  Value normed = assembler.rmsNorm(input, name("attn_norm"));
  Value query =
      assembler.linear(normed, name("attn_q"), model.heads * model.headSize);
  Value key =
      assembler.linear(normed, name("attn_k"), model.kvHeads * model.headSize);
  Value value =
      assembler.linear(normed, name("attn_v"), model.kvHeads * model.headSize);
  query = assembler.headNorm(query, name("attn_q_norm"), model.heads);
  key = assembler.headNorm(key, name("attn_k_norm"), model.kvHeads);
  query = assembler.rotary(query, rotation, model.heads);
  key = assembler.rotary(key, rotation, model.kvHeads);
  Value mixed = assembler.attention(query, key, value, layer,
                                    isLocal ? model.local.window : 0);
  Value output = assembler.linear(mixed, name("attn_output"), model.embedding);
  output = assembler.rmsNorm(output, name("post_attention_norm"));
  Value middle = assembler.add(input, output);

  normed = assembler.rmsNorm(middle, name("ffn_norm"));
  Value gate = assembler.linear(normed, name("ffn_gate"), model.feedForward);
  Value up = assembler.linear(normed, name("ffn_up"), model.feedForward);
  Value gated = assembler.gated(model::GateFunction::GeLUTanh, gate, up);
  Value down = assembler.linear(gated, name("ffn_down"), model.embedding);
  down = assembler.rmsNorm(down, name("post_ffw_norm"));
  return assembler.add(middle, down);
}

Value picollm::buildGemma3(ModelAssembler &assembler) {
  checkSupported(assembler);
  const ModelDescription &model = assembler.description();
  Rotations rotations;
  rotations.global = assembler.rotation();
  if (model.local.window > 0)
    rotations.local = assembler.rotation(model.local.rotary);
  StringRef table = "token_embd.weight", head = "output.weight";

  // Only what enters the layers is scaled: a head that shares the table is not.
  Value hidden = assembler.embedding(table, std::sqrt(double(model.embedding)));
  for (int64_t layer = 0; layer < model.layers && !assembler.failed(); ++layer)
    hidden = buildLayer(assembler, hidden, layer, rotations);
  hidden = assembler.rmsNorm(assembler.wanted(hidden), "output_norm.weight");
  return assembler.logits(hidden, assembler.hasTensor(head) ? head : table);
}
