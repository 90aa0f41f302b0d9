//===- TinyLlama.h - a small random Llama as a GGUF file --------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_IMPORT_TINYLLAMA_H
#define PICOLLM_TEST_UNIT_IMPORT_TINYLLAMA_H

#include "GGUFWriter.h"
#include <algorithm>

namespace picollm {

struct TinyLlama {
  uint32_t vocabulary = 40, context = 64, layers = 2, embedding = 32,
           feedForward = 48, heads = 4, kvHeads = 2, headSize = 8;
  bool tied = true;
  /// Weights lie between -range / 2 and range / 2.
  float range = 0.35f;

  /// Weights are float32, different in every tensor.
  GGUFWriter writer() const {
    GGUFWriter file;
    file.set("general.architecture", "llama");
    file.set("general.name", "tiny");
    file.set("llama.context_length", context);
    file.set("llama.block_count", layers);
    file.set("llama.embedding_length", embedding);
    file.set("llama.feed_forward_length", feedForward);
    file.set("llama.attention.head_count", heads);
    file.set("llama.attention.head_count_kv", kvHeads);
    file.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    file.set("llama.rope.dimension_count", headSize);
    if (headSize * heads != embedding) {
      file.set("llama.attention.key_length", headSize);
      file.set("llama.attention.value_length", headSize);
    }
    addTokenizer(file);
    addMatrix(file, "token_embd.weight", vocabulary, embedding);
    for (uint32_t layer = 0; layer < layers; ++layer) {
      std::string block = "blk." + std::to_string(layer) + ".";
      addMatrix(file, block + "attn_norm.weight", 0, embedding);
      addMatrix(file, block + "attn_q.weight", heads * headSize, embedding);
      addMatrix(file, block + "attn_k.weight", kvHeads * headSize, embedding);
      addMatrix(file, block + "attn_v.weight", kvHeads * headSize, embedding);
      addMatrix(file, block + "attn_output.weight", embedding,
                heads * headSize);
      addMatrix(file, block + "ffn_norm.weight", 0, embedding);
      addMatrix(file, block + "ffn_gate.weight", feedForward, embedding);
      addMatrix(file, block + "ffn_up.weight", feedForward, embedding);
      addMatrix(file, block + "ffn_down.weight", embedding, feedForward);
    }
    addMatrix(file, "output_norm.weight", 0, embedding);
    if (!tied)
      addMatrix(file, "output.weight", vocabulary, embedding);
    return file;
  }

private:
  /// A vector if rows is 0.
  void addMatrix(GGUFWriter &file, const std::string &name, uint32_t rows,
                 uint32_t columns) const {
    uint32_t state = 2166136261u;
    for (char c : name)
      state = (state ^ uint8_t(c)) * 16777619u;
    std::vector<float> values(std::max(rows, 1u) * columns);
    for (float &value : values) {
      state = state * 1664525u + 1013904223u;
      value = (float(state >> 8) / float(1 << 24) - 0.5f) * range;
    }
    if (rows == 0)
      file.addF32(name, {columns}, values);
    else
      file.addF32(name, {columns, rows}, values);
  }

  void addTokenizer(GGUFWriter &file) const {
    std::vector<std::string> tokens = {"<|endoftext|>", "<|im_end|>"};
    std::vector<int32_t> types = {3, 3};
    while (tokens.size() + 1 < vocabulary) {
      tokens.push_back(std::string(1, char('!' + tokens.size())));
      types.push_back(1);
    }
    tokens.push_back(tokens[2] + tokens[3]);
    types.push_back(1);
    file.set("tokenizer.ggml.model", "gpt2");
    file.set("tokenizer.ggml.pre", "smollm");
    file.set("tokenizer.ggml.tokens", tokens);
    file.set("tokenizer.ggml.token_type", types);
    file.set("tokenizer.ggml.merges",
             std::vector<std::string>{tokens[2] + " " + tokens[3]});
    file.set("tokenizer.ggml.bos_token_id", uint32_t(0));
    file.set("tokenizer.ggml.eos_token_id", uint32_t(0));
    file.set("tokenizer.ggml.add_bos_token", false);
    file.set("tokenizer.chat_template", "{{ messages }}");
  }
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_IMPORT_TINYLLAMA_H
