#!/usr/bin/env python3
"""Makes the golden files of SentencePiece vocabularies with the library
`sentencepiece`, which shares no code with picollm.

    python3 -m venv venv
    venv/bin/pip install sentencepiece==0.2.3 protobuf gguf==0.19.0 tokenizers==0.23.3
    venv/bin/python make_sentencepiece.py gemma-3-270m-q4_k_m.gguf

sentencepiece.json: two small vocabularies, trained here, as GGUF has them, and
the ids of the texts of texts.json. "gemma": no space before a text, tokens of
its user for runs of spaces and line ends; "llama": a space before it.
gemma3.json: the ids under the vocabulary of the GGUF file.
sentencepiece_tokenizers.json: the two small ones as the library `tokenizers` of
Hugging Face saves them, with its own form of merges.
"""
import io
import json
import pathlib
import sys

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (AddedToken, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers)

HERE = pathlib.Path(__file__).parent
SPACE = "\u2581"
USER_DEFINED = 4
RUNS = ["\n" * n for n in (1, 2, 3, 4)] + [SPACE * n for n in (2, 3, 4, 8)]


def is_mostly_latin(text):
    return "\0" not in text and sum(c < "\u0250" for c in text) > 0.95 * len(text)


def train(texts, prefix, user_defined):
    # Characters of other scripts are left to the tokens of bytes.
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([t for t in texts if is_mostly_latin(t)] * 2),
        model_writer=model, model_type="bpe", vocab_size=900, byte_fallback=True,
        character_coverage=0.995, normalization_rule_name="identity",
        add_dummy_prefix=prefix, remove_extra_whitespaces=False,
        user_defined_symbols=user_defined, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        hard_vocab_limit=False, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto


def proto_of(reader):
    """The model that a GGUF file holds: what differs is how spaces of tokens of
    the user are spelled."""
    field = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    proto = sentencepiece_model_pb2.ModelProto()
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id = field("unknown_token_id")
    proto.trainer_spec.bos_id = field("bos_token_id")
    proto.trainer_spec.eos_id = field("eos_token_id")
    proto.trainer_spec.pad_id = field("padding_token_id")
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = field("add_space_prefix")
    proto.normalizer_spec.remove_extra_whitespaces = False
    proto.normalizer_spec.escape_whitespaces = True
    for token, kind, score in zip(field("tokens"), field("token_type"), field("scores")):
        # SentencePiece has one unknown token and no text in control tokens.
        kind = 2 if token == "<unk>" else kind
        if kind == USER_DEFINED:
            token = token.replace(" ", SPACE)
        proto.pieces.add(piece=token, score=score, type=kind)
    return proto


def ids_of(proto, texts):
    processor = sentencepiece.SentencePieceProcessor(
        model_proto=proto.SerializeToString())
    return [processor.encode(text) for text in texts]


def vocabulary(proto, texts):
    return {
        # llama.cpp's converter spells spaces of tokens of the user as such.
        "tokens": [p.piece.replace(SPACE, " ") if p.type == USER_DEFINED else p.piece
                   for p in proto.pieces],
        "types": [p.type for p in proto.pieces],
        "scores": [p.score for p in proto.pieces],
        "add_space_prefix": proto.normalizer_spec.add_dummy_prefix,
        "ids": ids_of(proto, texts)}


def as_tokenizer(proto, texts):
    """As converters of transformers make it: every split of a token into two
    others is a merge, by falling score. Gemma's for "gemma", Llama 2's for
    "llama"."""
    vocab = {p.piece: i for i, p in enumerate(proto.pieces)}
    merges = [(p.score, p.piece[:i], p.piece[i:]) for p in proto.pieces
              for i in range(1, len(p.piece))
              if p.piece[:i] in vocab and p.piece[i:] in vocab]
    merges.sort(key=lambda m: (-m[0], len(m[1]), len(m[2])))
    tokenizer = Tokenizer(models.BPE(
        vocab=vocab, merges=[m[1:] for m in merges], unk_token="<unk>",
        fuse_unk=True, byte_fallback=True))
    prefix = proto.normalizer_spec.add_dummy_prefix
    replace = normalizers.Replace(" ", SPACE)
    decode = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefix:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(SPACE), replace])
        decode.append(decoders.Strip(" ", 1, 0))
    else:
        tokenizer.normalizer = replace
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(decode)
    for p in proto.pieces:
        if p.type in (2, 3, USER_DEFINED):
            token = AddedToken(p.piece, special=p.type != USER_DEFINED, normalized=False)
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    # It puts a space after a token of the user too, SentencePiece does not.
    for text, ids in zip(texts, ids_of(proto, texts)):
        same = tokenizer.encode(text, add_special_tokens=False).ids == ids
        assert same or (prefix and "<file_sep>" in text), text
    return json.loads(tokenizer.to_str())


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (HERE / name).write_text(text.replace("],[", "],\n["), encoding="ascii")


def main():
    texts = json.loads((HERE / "texts.json").read_text())
    protos = {"gemma": train(texts, False, RUNS + ["<file_sep>"]),
              "llama": train(texts, True, ["<file_sep>"])}
    write("sentencepiece.json", {n: vocabulary(p, texts) for n, p in protos.items()})
    write("sentencepiece_tokenizers.json",
          {n: as_tokenizer(p, texts) for n, p in protos.items()})
    write("gemma3.json", {"ids": ids_of(proto_of(gguf.GGUFReader(sys.argv[1])), texts)})


if __name__ == "__main__":
    main()
