//===- Llama.cpp - the Llama family ---------------------------------------===//

#include "Builders.h"

using namespace mlir;
using namespace picollm;

static Value buildLayer(ModelAssembler &assembler, Value input, int64_t layer,
                        model::RotationAttr rotation) {
  const ModelDescription &model = assembler.description();
  auto name = [&](StringRef part) {
    return "blk." + std::to_string(layer) + "." + part.str() + ".weight";
  };
  bool interleaved = model.rotary.interleaved;

  Value normed = assembler.rmsNorm(input, name("attn_norm"));
  Value query =
      assembler.linear(normed, name("attn_q"), model.heads * model.headSize,
                       interleaved ? model.heads : 0);
  Value key =
      assembler.linear(normed, name("attn_k"), model.kvHeads * model.headSize,
                       interleaved ? model.kvHeads : 0);
  Value value =
      assembler.linear(normed, name("attn_v"), model.kvHeads * model.headSize);
  query = assembler.rotary(query, rotation, model.heads);
  key = assembler.rotary(key, rotation, model.kvHeads);
  Value mixed = assembler.attention(query, key, value, layer);
  Value output = assembler.linear(mixed, name("attn_output"), model.embedding);
  Value middle = assembler.add(input, output);

  normed = assembler.rmsNorm(middle, name("ffn_norm"));
  Value gate = assembler.linear(normed, name("ffn_gate"), model.feedForward);
  Value up = assembler.linear(normed, name("ffn_up"), model.feedForward);
  Value gated = assembler.gated(model::GateFunction::SiLU, gate, up);
  Value down = assembler.linear(gated, name("ffn_down"), model.embedding);
  return assembler.add(middle, down);
}

Value picollm::buildLlama(ModelAssembler &assembler) {
  model::RotationAttr rotation = assembler.rotation();
  StringRef table = "token_embd.weight", head = "output.weight";

  Value hidden = assembler.embedding(table);
  for (int64_t layer = 0;
       layer < assembler.description().layers && !assembler.failed(); ++layer)
    hidden = buildLayer(assembler, hidden, layer, rotation);
  hidden = assembler.rmsNorm(assembler.wanted(hidden), "output_norm.weight");
  return assembler.logits(hidden, assembler.hasTensor(head) ? head : table);
}
