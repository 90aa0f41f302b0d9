#!/usr/bin/env python3
"""Makes small random Llama models (GGUF, some also as Hugging Face folders) and
their golden logits beside this file. The logits come from Hugging Face
transformers in float32, on the weights as the file's encodings hold them; it
shares no code with picollm. The folders are what transformers itself saves; it
loads them again and has to get the same logits.

    python3 -m venv venv
    venv/bin/pip install gguf==0.19.0 transformers torch
    venv/bin/python make.py

<name>.gguf   the model with a byte-level BPE tokenizer of 320 tokens
<name>/       the same model as a folder: config.json, safetensors, tokenizer
<name>.json   "prompt": text and its ids; "logits_positions": the positions
              whose logits are kept; "greedy": the ids that greedy decoding
              appends to the prompt; "gap": the least distance between the best
              and the second logit on that way; "made_with": versions
<name>.npy    float32 [positions][vocabulary], logits of logits_positions
"""
import dataclasses
import json
import pathlib
import shutil

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from gguf import GGMLQuantizationType as Encoding

HERE = pathlib.Path(__file__).parent
VOCABULARY = 320
GREEDY_TOKENS = 24
# Of the best logit to the second on the greedy way; seeds are tried until it is
# met, so that small differences of arithmetic leave the golden ids alone.
LEAST_GAP = 0.1
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' "
    "+ message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
SENTENCES = [
    "A compiler reads a model and writes a library.",
    "The weights of the model are mapped from a file.",
    "Every token looks at the tokens before it.",
    "The attention of the model is over the keys and the values.",
    "There are 12 heads, 4 layers and 320 tokens in the table.",
]


@dataclasses.dataclass
class Model:
    """One configuration. `encodings` maps the end of a tensor's name to its
    encoding; the first match counts, norms are F32. `folder`: the model is also
    written as a folder, of one encoding; then `half_norms` tells whether norms
    are rounded to it, as published models are, or stay F32. `shard`: the largest
    size of a file of weights."""

    name: str
    encodings: list
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 16
    feed_forward: int = 96
    layers: int = 2
    tied: bool = True
    context: int = 512
    rope: dict = None
    rope_base: float = 10000.0
    epsilon: float = 1e-5
    prompt: str = "The model reads every token."
    seed: int = 1
    folder: bool = False
    half_norms: bool = False
    shard: str = "1GB"

    def encoding(self, tensor):
        for end, encoding in self.encodings:
            if tensor.endswith(end):
                return encoding
        raise KeyError(tensor)


TORCH_TYPES = {Encoding.F32: torch.float32, Encoding.F16: torch.float16,
               Encoding.BF16: torch.bfloat16}
LONG_PROMPT = " ".join(SENTENCES * 3)
LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0,
                   high_freq_factor=4.0, original_max_position_embeddings=64)
MODELS = [
    # Grouped queries, tied head, head size 16.
    Model("gqa-tied-f32", [("", Encoding.F32)], folder=True),
    # One KV head per head, untied head, head size 32.
    Model("mha-untied-f16", [("", Encoding.F16)], heads=2, kv_heads=2,
          head_size=32, feed_forward=160, tied=False, seed=2, folder=True,
          shard="100KB"),
    # Llama 3's rotation, a base that is not the default, three layers, and a
    # prompt that is longer than a piece of attention.
    Model("gqa-llama3-rope-q8_0", [("", Encoding.Q8_0)], hidden=96, heads=6,
          kv_heads=2, head_size=16, feed_forward=160, layers=3, tied=False,
          rope=LLAMA3_ROPE, rope_base=500000.0, prompt=LONG_PROMPT, seed=3),
    # One KV head for all, linear scaling of positions, mixed encodings.
    Model("mqa-linear-rope-q4_0",
          [("token_embd.weight", Encoding.Q8_0), ("", Encoding.Q4_0)],
          hidden=128, heads=4, kv_heads=1, head_size=32, feed_forward=192,
          rope=dict(rope_type="linear", factor=4.0), epsilon=1e-6, seed=4),
    # Heads whose sizes do not add up to the hidden size; the encodings of a
    # Q4_1 file.
    Model("wide-heads-q4_1",
          [("token_embd.weight", Encoding.Q5_1), ("ffn_down.weight", Encoding.Q5_0),
           ("attn_v.weight", Encoding.BF16), ("", Encoding.Q4_1)],
          hidden=64, heads=4, kv_heads=1, head_size=32, feed_forward=160,
          seed=5),
    # Models as they are published, in 16 bits with the norms.
    Model("llama3-rope-bf16", [("", Encoding.BF16)], hidden=64, heads=4,
          kv_heads=2, head_size=16, feed_forward=96, tied=False,
          rope=LLAMA3_ROPE, rope_base=500000.0, prompt=" ".join(SENTENCES),
          seed=6, folder=True, half_norms=True, shard="60KB"),
    Model("linear-rope-f16", [("", Encoding.F16)], hidden=48, heads=3,
          kv_heads=3, head_size=16, feed_forward=80,
          rope=dict(rope_type="linear", factor=2.5), epsilon=1e-6, seed=7,
          folder=True, half_norms=True),
    Model("yarn-rope-bf16", [("", Encoding.BF16)], hidden=64, heads=2,
          kv_heads=1, head_size=64, feed_forward=96, context=256,
          rope=dict(rope_type="yarn", factor=4.0,
                    original_max_position_embeddings=64),
          prompt=" ".join(SENTENCES), seed=8, folder=True, half_norms=True),
]


def train_tokenizer():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(SENTENCES, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def write_tokenizer(writer, tokenizer):
    state = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].get)
    merges = [m if isinstance(m, str) else " ".join(m) for m in state["merges"]]
    control = gguf.TokenType.CONTROL
    normal = gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if t in SPECIAL else normal for t in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|im_start|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def random_tensors(model, random):
    """Name in the GGUF file -> float32 [rows][columns], unpermuted."""
    q_rows, kv_rows = (n * model.head_size for n in (model.heads, model.kv_heads))

    def matrix(rows, columns, gain):
        values = random.standard_normal((rows, columns)) * gain / columns**0.5
        return values.astype(np.float32)

    def norm():
        return (1 + 0.2 * random.standard_normal(model.hidden)).astype(np.float32)

    tensors = {"token_embd.weight": matrix(VOCABULARY, model.hidden, 2.0),
               "output_norm.weight": norm()}
    if not model.tied:
        tensors["output.weight"] = matrix(VOCABULARY, model.hidden, 3.0)
    for i in range(model.layers):
        block = {
            "attn_norm": norm(), "ffn_norm": norm(),
            "attn_q": matrix(q_rows, model.hidden, 1.5),
            "attn_k": matrix(kv_rows, model.hidden, 1.5),
            "attn_v": matrix(kv_rows, model.hidden, 1.5),
            "attn_output": matrix(model.hidden, q_rows, 1.5),
            "ffn_gate": matrix(model.feed_forward, model.hidden, 1.5),
            "ffn_up": matrix(model.feed_forward, model.hidden, 1.5),
            "ffn_down": matrix(model.hidden, model.feed_forward, 1.5),
        }
        tensors.update({f"blk.{i}.{k}.weight": v for k, v in block.items()})
    return tensors


def interleave(weights, heads):
    """The order of rows that llama.cpp's files have for q and k: the halves of
    a rotated pair become neighbours."""
    rows, columns = weights.shape
    return (weights.reshape(heads, 2, rows // heads // 2, columns)
            .swapaxes(1, 2).reshape(rows, columns))


def llama3_factors(model):
    """rope_freqs.weight: what each inverse frequency is divided by (Llama 3.1,
    model card of Meta)."""
    rope = model.rope
    size = model.head_size
    frequency = model.rope_base ** -(np.arange(0, size, 2) / size)
    length = 2 * np.pi / frequency
    original = rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    blend = (original / length - low) / (high - low)
    middle = 1 / ((1 - blend) / rope["factor"] + blend)
    return np.where(length < original / high, 1.0,
                    np.where(length > original / low, rope["factor"],
                             middle)).astype(np.float32)


def write_gguf(model, tokenizer, tensors):
    """Writes the file; returns the tensors as a reader of it sees them, in the
    order of rows of transformers."""
    writer = gguf.GGUFWriter(HERE / f"{model.name}.gguf", "llama")
    writer.add_name(model.name)
    writer.add_block_count(model.layers)
    writer.add_context_length(model.context)
    writer.add_embedding_length(model.hidden)
    writer.add_feed_forward_length(model.feed_forward)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_layer_norm_rms_eps(model.epsilon)
    writer.add_rope_freq_base(model.rope_base)
    writer.add_rope_dimension_count(model.head_size)
    if model.heads * model.head_size != model.hidden:
        writer.add_key_length(model.head_size)
        writer.add_value_length(model.head_size)
    writer.add_vocab_size(VOCABULARY)
    if model.rope and model.rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(model.rope["factor"])
    if model.rope and model.rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(model.rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(
            model.rope["original_max_position_embeddings"])
    write_tokenizer(writer, tokenizer)
    if model.rope and model.rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(model))

    decoded = {}
    for name, weights in tensors.items():
        encoding = (Encoding.F32 if weights.ndim == 1 else model.encoding(name))
        if weights.ndim == 1 and model.half_norms:
            weights = gguf.quants.dequantize(
                gguf.quants.quantize(weights, model.encoding(name)),
                model.encoding(name))
        heads = {"attn_q": model.heads, "attn_k": model.kv_heads}.get(
            name.split(".")[-2])
        stored = interleave(weights, heads) if heads else weights
        writer.add_tensor(name, gguf.quants.quantize(stored, encoding),
                          raw_dtype=encoding)
        # An encoding's blocks lie inside a row, so the order of rows is free.
        decoded[name] = gguf.quants.dequantize(
            gguf.quants.quantize(weights, encoding), encoding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return decoded


def load_transformers(model, tensors):
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=model.hidden,
        intermediate_size=model.feed_forward, num_hidden_layers=model.layers,
        num_attention_heads=model.heads, num_key_value_heads=model.kv_heads,
        head_dim=model.head_size, max_position_embeddings=model.context,
        rms_norm_eps=model.epsilon, tie_word_embeddings=model.tied,
        rope_parameters=dict(model.rope or dict(rope_type="default"),
                             rope_theta=model.rope_base),
        attn_implementation="eager")
    names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj"}
    state = {}
    for name, weights in tensors.items():
        parts = name.split(".")
        key = {"token_embd": "model.embed_tokens", "output_norm": "model.norm",
               "output": "lm_head"}.get(parts[0])
        if not key:
            key = f"model.layers.{parts[1]}.{names[parts[2]]}"
        state[key + ".weight"] = torch.from_numpy(np.ascontiguousarray(weights))
    if model.tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    llama = transformers.LlamaForCausalLM(config).to(torch.float32).eval()
    llama.load_state_dict(state, strict=True)
    return llama


def write_folder(model, tokenizer, llama, prompt, logits):
    """Saves the model by transformers. Its weights have the values of the GGUF
    file, so that storing them in its encoding loses nothing."""
    folder = HERE / model.name
    shutil.rmtree(folder, ignore_errors=True)
    kind = TORCH_TYPES[model.encoding("")]
    state = {}
    for name, values in llama.state_dict().items():
        stored = values.dim() > 1 or model.half_norms
        state[name] = values.to(kind) if stored else values
        assert torch.equal(state[name].float(), values), name
    if model.tied:
        del state["lm_head.weight"]
    tokens = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>",
        eos_token="<|im_end|>")
    tokens.chat_template = CHAT_TEMPLATE
    llama.config.dtype = kind
    llama.config.bos_token_id = llama.generation_config.bos_token_id = 1
    llama.config.eos_token_id = 2
    llama.generation_config.eos_token_id = [2, 0]
    llama.save_pretrained(folder, state_dict=state, max_shard_size=model.shard)
    tokens.save_pretrained(folder)

    again = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        assert np.array_equal(again(torch.tensor([prompt])).logits[0].numpy(), logits)
    assert transformers.AutoTokenizer.from_pretrained(folder).encode(
        model.prompt) == prompt


def evaluate(llama, prompt):
    """Logits of the prompt, greedy ids, least gap."""
    with torch.no_grad():
        logits = llama(torch.tensor([prompt])).logits[0].numpy()
        ids, gap = list(prompt), float("inf")
        for _ in range(GREEDY_TOKENS):
            last = llama(torch.tensor([ids])).logits[0, -1].numpy()
            second, best = np.sort(last)[-2:]
            gap = min(gap, float(best - second))
            if gap < LEAST_GAP:
                break
            ids.append(int(last.argmax()))
    return logits, ids[len(prompt):], gap


def main():
    torch.set_num_threads(1)
    tokenizer = train_tokenizer()
    for model in MODELS:
        prompt = tokenizer.encode(model.prompt).ids
        assert len(prompt) + GREEDY_TOKENS <= model.context
        gap, seed = 0.0, 1000 * model.seed
        while gap < LEAST_GAP:
            seed += 1
            random = np.random.default_rng(seed)
            tensors = write_gguf(model, tokenizer, random_tensors(model, random))
            llama = load_transformers(model, tensors)
            logits, greedy, gap = evaluate(llama, prompt)
        if model.folder:
            write_folder(model, tokenizer, llama, prompt, logits)
        positions = sorted({0, 1, len(prompt) // 2, len(prompt) - 2,
                            len(prompt) - 1})
        np.save(HERE / f"{model.name}.npy", logits[positions].astype(np.float32))
        golden = {"prompt": {"text": model.prompt, "ids": prompt},
                  "logits_positions": positions, "greedy": greedy, "gap": gap,
                  "made_with": {"torch": torch.__version__.split("+")[0],
                                "transformers": transformers.__version__,
                                "gguf": "0.19.0"}}
        (HERE / f"{model.name}.json").write_text(json.dumps(golden) + "\n")
        size = (HERE / f"{model.name}.gguf").stat().st_size
        print(f"{model.name}: {size} bytes, seed {seed}, {len(prompt)} tokens, "
              f"gap {gap:.3f}, logits' deviation {logits.std():.2f}", flush=True)


if __name__ == "__main__":
    main()
