#!/usr/bin/env python3
"""Makes small random Gemma 3 models (GGUF, some also as Hugging Face folders)
and their golden logits beside this file. The logits come from Hugging Face
transformers in float32, on the weights as the file's encodings hold them; the
tokenizer and its ids from sentencepiece. Neither shares code with picollm.

    python3 -m venv venv
    venv/bin/pip install gguf==0.19.0 transformers torch sentencepiece protobuf \
        tokenizers
    venv/bin/python make.py

<name>.gguf, <name>.json, <name>.npy, <name>/: as ../Llama/make.py says. The
prompt's ids start with bos.
"""
import dataclasses
import io
import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
import sentencepiece
import torch
import transformers
from gguf import GGMLQuantizationType as Encoding
from sentencepiece import sentencepiece_model_pb2

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "Llama"))
sys.path.append(str(HERE.parent / "Tokenizer"))
from make import GREEDY_TOKENS, LEAST_GAP, SENTENCES, TORCH_TYPES, evaluate
from make_sentencepiece import SPACE, as_tokenizer

VOCABULARY = 352
USER_DEFINED = ["\n", "\n\n", 2 * SPACE, 3 * SPACE, "<table>"]
LONG_PROMPT = " ".join(SENTENCES * 3)


@dataclasses.dataclass
class Model:
    """As that of ../Llama/make.py. `window`: positions of a local layer;
    `period`: every so many layers one that attends to all; `global_factor`: what
    the positions of those are divided by."""

    name: str
    encodings: list
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 1
    head_size: int = 16
    feed_forward: int = 96
    layers: int = 4
    window: int = 8
    period: int = 2
    context: int = 512
    global_base: float = 1000000.0
    local_base: float = 10000.0
    global_factor: float = 1.0
    prompt: str = "The model reads every token."
    seed: int = 1
    folder: bool = False

    def encoding(self, tensor):
        for end, encoding in self.encodings:
            if tensor.endswith(end):
                return encoding
        raise KeyError(tensor)


MODELS = [
    # The published pattern, five local layers to one, over its end; a window
    # that is shorter than the prompt.
    Model("gemma3-period-6-f32", [("", Encoding.F32)], layers=7, period=6),
    # A window of several pieces of attention, which its end crosses; grouped
    # queries; positions of global layers stretched.
    Model("gemma3-long-window-q8_0", [("", Encoding.Q8_0)], hidden=96, heads=6,
          kv_heads=2, head_size=32, feed_forward=160, window=290,
          prompt=LONG_PROMPT, global_factor=8.0, seed=2),
    # A window of one block of tokens and a bit, within a piece.
    Model("gemma3-short-window-f16", [("", Encoding.F16)], heads=2, kv_heads=2,
          head_size=64, feed_forward=160, layers=3, window=70, period=3,
          prompt=" ".join(SENTENCES * 2), seed=3, local_base=500.0),
    # As published, in 16 bits; heads whose sizes do not add up to the hidden
    # size, as large as Gemma's.
    Model("gemma3-wide-heads-bf16", [("", Encoding.BF16)], heads=2, kv_heads=1,
          head_size=256, layers=2, window=16, seed=4,
          prompt=" ".join(SENTENCES)),
    # A folder of Hugging Face.
    Model("gemma3-folder-bf16", [("", Encoding.BF16)], hidden=48, heads=2,
          kv_heads=1, head_size=32, feed_forward=64, layers=3, period=3, seed=5,
          global_factor=8.0, local_base=5000.0, folder=True),
]


def proto_of(tokenizer):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(tokenizer.serialized_model_proto())
    return proto


def train_tokenizer():
    """A model of sentencepiece: BPE with bytes for unknown characters."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, model_type="bpe",
        vocab_size=VOCABULARY, byte_fallback=True, character_coverage=1.0,
        normalization_rule_name="identity", add_dummy_prefix=False,
        remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        control_symbols=["<start_of_turn>", "<end_of_turn>"],
        user_defined_symbols=USER_DEFINED, minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def write_tokenizer(writer, tokenizer):
    pieces = proto_of(tokenizer).pieces
    # llama.cpp's converter writes spaces of user-defined tokens as such. The
    # numbers of the types are those of GGUF.
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([p.piece.replace(SPACE, " ") if p.type == 4 else p.piece
                           for p in pieces])
    writer.add_token_scores([p.score for p in pieces])
    writer.add_token_types([p.type for p in pieces])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def random_tensors(model, random):
    """Name in the GGUF file -> float32 [rows][columns]; norms with the 1."""
    q_rows, kv_rows = (n * model.head_size for n in (model.heads, model.kv_heads))

    def matrix(rows, columns, gain):
        values = random.standard_normal((rows, columns)) * gain / columns**0.5
        return values.astype(np.float32)

    def norm(size=model.hidden):
        # Halves of few bits, so that w and 1 + w are exact in every type.
        return (1 + np.round(25 * random.standard_normal(size)) / 128).astype(np.float32)

    tensors = {"token_embd.weight": matrix(VOCABULARY, model.hidden, 2.0),
               "output_norm.weight": norm()}
    for i in range(model.layers):
        block = {
            "attn_norm": norm(), "post_attention_norm": norm(),
            "ffn_norm": norm(), "post_ffw_norm": norm(),
            "attn_q_norm": norm(model.head_size),
            "attn_k_norm": norm(model.head_size),
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


def write_gguf(model, tokenizer, tensors):
    """Writes the file; returns the tensors as a reader of it sees them."""
    writer = gguf.GGUFWriter(HERE / f"{model.name}.gguf", "gemma3")
    writer.add_name(model.name)
    writer.add_block_count(model.layers)
    writer.add_context_length(model.context)
    writer.add_embedding_length(model.hidden)
    writer.add_feed_forward_length(model.feed_forward)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_key_length(model.head_size)
    writer.add_value_length(model.head_size)
    writer.add_sliding_window(model.window)
    # Published files leave these out where they have Gemma's values.
    if model.period != 6:
        writer.add_uint32("gemma3.attention.sliding_window_pattern", model.period)
    if model.local_base != 10000.0:
        writer.add_float32("gemma3.rope.freq_base_swa", model.local_base)
    writer.add_rope_freq_base(model.global_base)
    if model.global_factor != 1.0:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(model.global_factor)
    write_tokenizer(writer, tokenizer)

    decoded = {}
    for name, weights in tensors.items():
        encoding = Encoding.F32 if weights.ndim == 1 else model.encoding(name)
        stored = gguf.quants.quantize(weights, encoding)
        writer.add_tensor(name, stored, raw_dtype=encoding)
        decoded[name] = gguf.quants.dequantize(stored, encoding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return decoded


def load_transformers(model, tensors):
    stretched = (dict(rope_type="linear", factor=model.global_factor)
                 if model.global_factor != 1.0 else dict(rope_type="default"))
    config = transformers.Gemma3TextConfig(
        vocab_size=VOCABULARY, hidden_size=model.hidden,
        intermediate_size=model.feed_forward, num_hidden_layers=model.layers,
        num_attention_heads=model.heads, num_key_value_heads=model.kv_heads,
        head_dim=model.head_size, max_position_embeddings=model.context,
        rms_norm_eps=1e-6, sliding_window=model.window,
        query_pre_attn_scalar=model.head_size,
        layer_types=["sliding_attention" if (i + 1) % model.period else
                     "full_attention" for i in range(model.layers)],
        rope_parameters=dict(
            full_attention=dict(stretched, rope_theta=model.global_base),
            sliding_attention=dict(rope_type="default",
                                   rope_theta=model.local_base)),
        attn_implementation="eager")
    names = {"attn_norm": "input_layernorm",
             "post_attention_norm": "post_attention_layernorm",
             "ffn_norm": "pre_feedforward_layernorm",
             "post_ffw_norm": "post_feedforward_layernorm",
             "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj"}
    state = {}
    for name, weights in tensors.items():
        parts = name.split(".")
        key = {"token_embd": "model.embed_tokens",
               "output_norm": "model.norm"}.get(parts[0])
        if not key:
            key = f"model.layers.{parts[1]}.{names[parts[2]]}"
        # transformers keeps norms without the 1.
        values = weights - 1 if weights.ndim == 1 else weights
        state[key + ".weight"] = torch.from_numpy(np.ascontiguousarray(values))
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    gemma = transformers.Gemma3ForCausalLM(config).to(torch.float32).eval()
    gemma.load_state_dict(state, strict=True)
    return gemma


def write_folder(model, tokenizer, gemma, prompt, logits):
    """Saves the model by transformers; its values are those of the GGUF file."""
    folder = HERE / model.name
    shutil.rmtree(folder, ignore_errors=True)
    kind = TORCH_TYPES[model.encoding("")]
    state = {name: values.to(kind) for name, values in gemma.state_dict().items()
             if name != "lm_head.weight"}
    for name, values in state.items():
        assert torch.equal(values.float(), gemma.state_dict()[name]), name
    gemma.config.dtype = kind
    gemma.save_pretrained(folder, state_dict=state)
    (folder / "tokenizer.json").write_text(json.dumps(
        as_tokenizer(proto_of(tokenizer), SENTENCES)) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}) + "\n")
    again = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        assert np.array_equal(again(torch.tensor([prompt])).logits[0].numpy(), logits)


def main():
    torch.set_num_threads(1)
    tokenizer = train_tokenizer()
    for model in MODELS:
        prompt = [tokenizer.bos_id()] + tokenizer.encode(model.prompt)
        assert model.window < len(prompt) <= model.context - GREEDY_TOKENS, len(prompt)
        gap, seed = 0.0, 1000 * model.seed
        while gap < LEAST_GAP:
            seed += 1
            random = np.random.default_rng(seed)
            tensors = write_gguf(model, tokenizer, random_tensors(model, random))
            gemma = load_transformers(model, tensors)
            logits, greedy, gap = evaluate(gemma, prompt)
        if model.folder:
            write_folder(model, tokenizer, gemma, prompt, logits)
        positions = sorted({0, 1, len(prompt) // 2, len(prompt) - 2,
                            len(prompt) - 1})
        np.save(HERE / f"{model.name}.npy", logits[positions].astype(np.float32))
        golden = {"prompt": {"text": model.prompt, "ids": prompt},
                  "logits_positions": positions, "greedy": greedy, "gap": gap,
                  "made_with": {"torch": torch.__version__.split("+")[0],
                                "transformers": transformers.__version__,
                                "sentencepiece": sentencepiece.__version__,
                                "gguf": "0.19.0"}}
        (HERE / f"{model.name}.json").write_text(json.dumps(golden) + "\n")
        size = (HERE / f"{model.name}.gguf").stat().st_size
        print(f"{model.name}: {size} bytes, seed {seed}, {len(prompt)} tokens, "
              f"gap {gap:.3f}, logits' deviation {logits.std():.2f}", flush=True)


if __name__ == "__main__":
    main()
