#!/usr/bin/env python3
"""Makes the golden files of the tokenizer with the library `tokenizers` of
Hugging Face, which shares no code with picollm.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 gguf==0.19.0
    venv/bin/python make.py SmolLM2-135M-Instruct.Q4_1.gguf

tiny.json: a small vocabulary, trained here, and the ids of many texts under
the pattern of every pre-tokeniser. smollm2.json: ids under the vocabulary of
the GGUF file. tokenizer.json: the small vocabulary as the library saves it, with
the pre-tokeniser of GPT-2; pre_tokenizers.json: what it saves for the others.
The texts are in texts.json. They have only characters of the
Unicode version that this Python knows (3.11: 14.0), because ICU and the library
know newer ones, not the same.
"""
import json
import pathlib
import random
import sys
import unicodedata

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent

# As published in tokenizer.json of models of each kind.
GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+")
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s"
    r"|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
WORDS = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


def splits(*patterns):
    return [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns] + [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]


BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
PRE_TOKENIZERS = {
    "gpt-2": [BYTE_LEVEL],
    "smollm": [pre_tokenizers.Digits(individual_digits=True), BYTE_LEVEL],
    "llama-bpe": splits(WORDS % "{1,3}"),
    "qwen2": splits(WORDS % ""),
    "gpt-4o": splits(CASED % (CONTRACTIONS + "?", CONTRACTIONS + "?", "{1,3}")),
    "tekken": splits(CASED % ("", "", "")),
    "deepseek-v3": splits(*DEEPSEEK),
    "default": splits(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
}
IGNORE_MERGES = {"llama-bpe", "tekken"}


def assigned(character):
    return unicodedata.category(character) not in ("Cn", "Cs")


def random_texts():
    rng = random.Random(20)
    pools = {
        "any": [c for c in map(chr, range(0x110000)) if assigned(c)
                and unicodedata.category(c) != "Co"],
        "spaces": list(" \t\n\r\v\f\u0085\u00a0\u1680\u2003\u2028\u202f\u3000 a1'."),
        "short": list("aZé'sStTlLdDmMvVrReE09²Ⅷ٣一の한\u0301 \n\r\t-_./<|>!"),
    }
    texts = []
    for pool in pools.values():
        for length in (1, 2, 3, 5, 8, 13, 30, 80) * 6:
            texts.append("".join(rng.choice(pool) for _ in range(length)))
    # Mixtures of a script's letters, spaces and digits.
    for start, end in ((0x41, 0x7b), (0xc0, 0x180), (0x370, 0x400), (0x590, 0x6d4),
                       (0x900, 0xa00), (0xe00, 0xe80), (0x3040, 0x3100),
                       (0x4e00, 0x4f00), (0xac00, 0xad00), (0x1d400, 0x1d800),
                       (0x1f300, 0x1f650)):
        pool = [chr(c) for c in range(start, end) if assigned(chr(c))]
        texts.append("".join(rng.choice(pool + [" "] * 20 + ["7"] * 3)
                             for _ in range(60)))
    return texts


def make_texts():
    texts = [
        "", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "  \n  ",
        "\r", "\r\r\n", "\t\t\tx", " \t \t", "a", " a", "  a", "   a", "a ", "a  ",
        "a\n", "a \n b", "a\r\n\r\n  b", "a   b", "a\t\tb", "a \u00a0b", "x\n\n\n  y",
        "hello world", "Hello, World!", " hello  world ", "HELLO WORLD", "helloWorld",
        "it's", "IT'S", "It's we're they've I'm you'll he'd can't", "'s", "''s", "' s",
        "IT'S WE'RE THEY'VE I'M YOU'LL HE'D CAN'T", "it\u2019s", "'\u017f 'ſt 'S",
        "o'clock 'tis 'Twas rock'n'roll", "'lL 'Ve 'rE 'D", "a'b", "'l", "'r'v",
        "1", "12", "123", "1234", "12345", "1234567890", "3.14159", "1,000,000", "a1b2",
        " 1", "  1", "   12  34", "1 2  3   4", "²³ ½ Ⅷ ٣٤٥ १२३ 𝟘𝟙𝟚", "v1.2.3-rc4",
        "0x1F 1e-9 50% $5 €6", "12\n34", "１２３４", "abc123def456",
        "café naïve Ångström", "cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
        "\u0301", " \u0301a", "a\u0301\u0302\u0303b", "e\u20dd", "ǅungla ǈ ǋ", "ªº ʰʷ",
        "Straße STRASSE ẞ ﬁ ﬀ", "İstanbul ıI", "Ωμέγα ΣΊΣΥΦΟΣ σς", "Привет, мир!",
        "日本語のテキスト", "中文分词测试。", "한국어 텍스트입니다.", "ㄱㄴㄷ ｶﾀｶﾅ", "中 文 1 二 〇",
        "اللغة العربية ١٢٣", "مُحَمَّد", "שָׁלוֹם עולם", "हिन्दी में पाठ क्षत्रिय", "ภาษาไทยไม่มีช่องว่าง",
        "বাংলা தமிழ் తెలుగు", "မြန်မာ ខ្មែរ ລາວ", "ქართული հայերեն አማርኛ", "𐍈𐌰𐌿𐍄𐍃 𒀀𒁀 𓀀𓁐",
        "👍", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈 🇩🇪🇫🇷", "a👍b 👍 👍👍", "❤️ ☺︎ 1️⃣ #️⃣", "🤷🏻‍♀️!",
        "\u00a0\u2003\u3000a", "a\u2028b\u2029c", "a\u0085b", "a\u200bb\u200c\u200d\ufeff",
        "\u1680\u180e\u2000\u200a\u202f\u205f", " \u3000 \u00a0 x", "\v\f\x1c\x1d\x1e\x1f",
        "\ue000\uf8ff\U000f0000\U0010fffd", "a\ue000 \ue001 1", "\ufffd \ufffc", "\x00", "a\x00b",
        "\x01\x02\x7f\x80\x9f", "\u00ad soft\u00adhyphen", "\u202eabc\u202c", "𝒳𝓎 𝔸𝕓",
        "…—–‘’“”«»¿¡", "!!! ??? ... ---", "a.b,c;d:e!f?g", "(a[b]{c})<d>", "@user #tag $x %y ^z &w *v",
        "http://example.com/path?q=1&r=2#frag", "user@example.com", "C:\\dir\\file.txt", "/usr/bin/env",
        "x/\n/y //\n", "a!\n\n b?\r\n", "...\n", " .\n\n", "€\n", " \u20ac \n",
        "def f(x):\n    return x**2  # square\n\n\nclass A:\n\tpass\n",
        "int main(void) {\r\n\tprintf(\"%d\\n\", 42);\r\n\treturn 0;\r\n}\r\n",
        "for (size_t i=0;i<n;++i)sum+=a[i];", "SELECT * FROM t WHERE a='b';",
        "if x_y != None and __init__: self.fooBarBaz()", "{\"key\": [1, 2.5e10, null]}",
        "|a|b|\n|-|-|\n", "~~~~ ==== ++++ ____", "a_b-c+d=e", "$$x^2$$ \\frac{1}{2}",
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>", "a<|im_end|>b",
        " <|im_start|> x ", "<|im_start", "<|im_start|", "<|im_<|im_end|>", "<<|im_end|>>",
        "<|endoftext|><|endoftext|>", "1<|im_end|>2", "  <|im_end|>  ", "<|im_end|>\n\n",
        "<repo_name>a/b<file_sep>c", "<file", "<filename>x<|IM_END|>", "<|end|><|endoftext|>",
        "The quick brown fox jumps over the lazy dog. " * 5, "a" * 1000, " " * 1000, "ab" * 600,
        " " * 500 + "x", "\n" * 300, " \n" * 200, "1" * 500, "é" * 400, "!" * 400, "'" * 300,
        "日" * 300, "👍" * 200, "\u0301" * 100, "\t" * 300 + "y", "aA" * 200, "a " * 300, "<" * 200,
    ]
    return list(dict.fromkeys(texts + random_texts()))


def add_specials(tokenizer, tokens, types):
    for token, kind in zip(tokens, types):
        if kind in (3, 4):
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])


def ids_of(tokenizer, texts):
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def make_tokenizer(tokens, types, merges, pre, specials=True):
    model = models.BPE(
        vocab={t: i for i, t in enumerate(tokens)}, merges=merges,
        ignore_merges=pre in IGNORE_MERGES)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE_TOKENIZERS[pre])
    if specials:
        add_specials(tokenizer, tokens, types)
    return tokenizer


def train_tiny(texts):
    """Byte alphabet, some hundred merges, then tokens that no merge makes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE_TOKENIZERS["gpt-2"])
    trainer = trainers.BpeTrainer(
        vocab_size=700, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(
        [t for t in texts for _ in range(3) if len(set(t)) > 2], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [tuple(m) for m in model["merges"]]
    types = [1] * len(tokens)
    for token in ("Ġlazy", "Straße", "hello", "!!!!", "ðŁĳįb"):
        if token not in tokens:
            tokens.append(token)
            types.append(1)
    for token, kind in (("<|endoftext|>", 3), ("<|im_start|>", 3), ("<|im_end|>", 3),
                        ("<|im_end|>\n", 3), ("<file_sep>", 4), ("<file", 4), ("<|end|>", 3)):
        tokens.append(token)
        types.append(kind)
    return tokens, types, merges


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (HERE / name).write_text(text.replace('],[', '],\n['), encoding="ascii")


def main():
    texts = make_texts()
    write("texts.json", texts)

    tokens, types, merges = train_tiny(texts)
    saved = {pre: json.loads(make_tokenizer(tokens, types, merges, pre).to_str())
             for pre in PRE_TOKENIZERS}
    write("tokenizer.json", saved["gpt-2"])
    write("pre_tokenizers.json", {
        pre: {"pre_tokenizer": file["pre_tokenizer"],
              "ignore_merges": file["model"]["ignore_merges"]}
        for pre, file in saved.items()})
    write("tiny.json", {
        "tokens": tokens, "types": types, "merges": merges,
        "ids": {pre: ids_of(make_tokenizer(tokens, types, merges, pre), texts)
                for pre in PRE_TOKENIZERS},
        # Control tokens are not looked for, user-defined ones are.
        "ids_without_control": ids_of(
            make_tokenizer(tokens, [4 if t == 4 else 1 for t in types], merges, "gpt-2"),
            texts)})

    reader = gguf.GGUFReader(sys.argv[1])
    field = lambda key: reader.fields["tokenizer.ggml." + key].contents()
    tokens, types = field("tokens"), field("token_type")
    merges = [tuple(m.split(" ")) for m in field("merges")]
    assert field("pre") == "smollm"
    tokenizer = make_tokenizer(tokens, types, merges, "smollm")
    write("smollm2.json", {"ids": ids_of(tokenizer, texts)})


if __name__ == "__main__":
    main()
