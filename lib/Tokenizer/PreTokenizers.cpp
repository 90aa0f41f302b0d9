//===- PreTokenizers.cpp - how models split text --------------------------===//
//
// The names are those that GGUF files use; the patterns are those that the
// models were published with (tokenizer.json, tiktoken).
//
//===----------------------------------------------------------------------===//

#include "PreTokenizers.h"
#include "picollm/Import/TokenizerData.h"

using namespace picollm;

namespace {

// Every digit alone, before anything else.
const char digits[] = R"(\p{N})";

// Llama 3; also tiktoken's cl100k_base.
const char llama3[] = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+)"
                      R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                      R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// As Llama 3, but every digit alone.
const char qwen2[] = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+)"
                     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                     R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// tiktoken's o200k_base.
const char gpt4o[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Mistral's Tekken.
const char tekken[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// DeepSeek V3, three stages.
const char threeDigits[] = R"(\p{N}{1,3})";
const char cjk[] = "[一-龥぀-ゟ゠-ヿ]+";
const char deepseekV3[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)"
    R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What converters write for a pattern that they do not know, and what files
// without a name mean.
const char punctuation[] = R"([\p{P}\$\+<=>\^~\|]+)";
const char number[] = R"(\p{N}+)";
const char asciiTriple[] = "[0-9][0-9][0-9]";

struct Entry {
  std::vector<llvm::StringRef> names;
  PreTokenizer preTokenizer;
};

const std::vector<Entry> &table() {
  static const std::vector<Entry> entries = {
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion"},
       {{gpt2Splitter}, false, false}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone",
        "minerva-7b"},
       {{digits, gpt2Splitter}, false, false}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3"}, {{llama3}, true, true}},
      {{"smaug-bpe", "dbrx"}, {{llama3}, false, false}},
      {{"qwen2", "stablelm2", "deepseek-r1-qwen"}, {{qwen2}, false, false}},
      {{"gpt-4o"}, {{gpt4o}, false, false}},
      {{"tekken"}, {{tekken}, true, true}},
      {{"deepseek-v3"}, {{threeDigits, cjk, deepseekV3}, false, false}},
      {{"default"},
       {{punctuation, gpt2Splitter, number, asciiTriple}, false, false}},
  };
  return entries;
}

} // namespace

llvm::Expected<PreTokenizer> picollm::findPreTokenizer(llvm::StringRef name) {
  std::string known;
  for (const Entry &entry : table()) {
    for (llvm::StringRef candidate : entry.names) {
      if (candidate == name)
        return entry.preTokenizer;
      known += (known.empty() ? "" : ", ") + candidate.str();
    }
  }
  return llvm::createStringError("the pre-tokeniser '" + name +
                                 "' (tokenizer.ggml.pre) is not known; known "
                                 "are " +
                                 known);
}
