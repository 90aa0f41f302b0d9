//===- HuggingFaceFuzzer.cpp - the JSON files of a model folder -----------===//
//
// The input is the files of a folder with a line "----" between them, in the
// order of HuggingFaceTexts: config.json, generation_config.json,
// tokenizer.json, tokenizer_config.json, chat_template.jinja. What is read goes
// through the compiler of tokenizers too.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "picollm/Import/HuggingFace.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"

using namespace picollm;
using llvm::StringRef;

static void readTokenizer(const HuggingFaceTexts &texts, int64_t vocabulary) {
  auto tokenizer = readHuggingFaceTokenizer(texts, vocabulary);
  if (!tokenizer)
    return requireSentence(tokenizer.takeError());
  require(int64_t(tokenizer->tokens.size()) == vocabulary &&
              int64_t(tokenizer->types.size()) == vocabulary,
          "a vocabulary of another size");
  for (auto id : {tokenizer->bos, tokenizer->eos, tokenizer->eot,
                  tokenizer->eom, tokenizer->unknown, tokenizer->padding})
    require(!id || *id < vocabulary, "a special token that does not exist");
  auto bytes = compileTokenizer(*tokenizer);
  if (!bytes)
    requireSentence(bytes.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef rest(reinterpret_cast<const char *>(data), size);
  HuggingFaceTexts texts;
  texts.folder = "model";
  for (StringRef *text :
       {&texts.config, &texts.generationConfig, &texts.tokenizer,
        &texts.tokenizerConfig, &texts.chatTemplate})
    std::tie(*text, rest) = rest.split("\n----\n");
  auto description = describeHuggingFaceModel(texts);
  int64_t vocabulary = 300;
  if (!description) {
    requireSentence(description.takeError());
  } else {
    const ModelDescription &model = description->model;
    require(model.vocabulary > 0 && model.kvHeads > 0 &&
                model.heads % model.kvHeads == 0 && model.headSize > 0,
            "a description that breaks its rules");
    // One that the fuzzer is not slowed down by.
    vocabulary = std::min<int64_t>(model.vocabulary, 5000);
  }
  if (!texts.tokenizer.empty())
    readTokenizer(texts, vocabulary);
  return 0;
}
