//===- HuggingFaceTest.cpp - tokenizer.json against the library's ids -----===//

#include "picollm/Import/HuggingFace.h"
#include "Fixtures.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include <gtest/gtest.h>

using namespace picollm;
using namespace picollm::test;
using nlohmann::json;

namespace {

/// The texts of a folder, to be changed one by one.
struct Folder {
  json tokenizer = readFixture("tokenizer.json");
  json tokenizerConfig = json::object();
  json config = json::object();
  json generationConfig = json::object();
  std::string chatTemplate;
  int64_t vocabulary = int64_t(readFixture("tiny.json")["tokens"].size());

  llvm::Expected<TokenizerData> read() const {
    const std::string texts[] = {tokenizer.dump(), tokenizerConfig.dump(),
                                 config.dump(), generationConfig.dump()};
    HuggingFaceTexts all;
    all.folder = "m";
    all.tokenizer = texts[0];
    all.tokenizerConfig = texts[1];
    all.config = texts[2];
    all.generationConfig = texts[3];
    all.chatTemplate = chatTemplate;
    return readHuggingFaceTokenizer(all, vocabulary);
  }

  TokenizerData readOrFail() const {
    auto data = read();
    if (data)
      return std::move(*data);
    ADD_FAILURE() << llvm::toString(data.takeError());
    return {};
  }

  void expectError(const std::string &part) const {
    auto data = read();
    ASSERT_FALSE(bool(data)) << "expected '" << part << "'";
    std::string message = llvm::toString(data.takeError());
    EXPECT_EQ(message.find("m/"), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos)
        << "expected '" << part << "' in: " << message;
  }
};

class SavedTokenizer : public testing::TestWithParam<const char *> {};

TEST_P(SavedTokenizer, GivesTheIdsOfTheLibrary) {
  const json variant = readFixture("pre_tokenizers.json").at(GetParam());
  Folder folder;
  folder.tokenizer["pre_tokenizer"] = variant["pre_tokenizer"];
  folder.tokenizer["model"]["ignore_merges"] = variant["ignore_merges"];
  CompiledTokenizer tokenizer(folder.readOrFail());
  expectGoldenIds(tokenizer, readFixture("tiny.json")["ids"].at(GetParam()),
                  /*parseSpecial=*/true);
}

/// "gemma" or "llama" as the library saves it.
Folder sentencePieceFolder(const std::string &name) {
  Folder folder;
  folder.tokenizer = readFixture("sentencepiece_tokenizers.json").at(name);
  folder.vocabulary =
      int64_t(readFixture("sentencepiece.json").at(name)["tokens"].size());
  folder.tokenizerConfig["bos_token"] = "<s>";
  return folder;
}

class SavedSentencePiece : public testing::TestWithParam<const char *> {};

TEST_P(SavedSentencePiece, GivesTheIdsOfSentencePiece) {
  Folder folder = sentencePieceFolder(GetParam());
  CompiledTokenizer tokenizer(folder.readOrFail());
  expectGoldenIds(tokenizer,
                  readFixture("sentencepiece.json").at(GetParam())["ids"],
                  /*parseSpecial=*/true);
  EXPECT_FALSE(tokenizer->addBos());
  folder.tokenizerConfig["add_bos_token"] = true;
  EXPECT_TRUE(CompiledTokenizer(folder.readOrFail())->addBos());
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, SavedSentencePiece,
                         testing::Values("gemma", "llama"));

TEST(SavedSentencePieceSteps, MetaspaceStandsForTheNormaliser) {
  for (bool prefix : {true, false}) {
    Folder folder = sentencePieceFolder(prefix ? "llama" : "gemma");
    folder.tokenizer["normalizer"] = nullptr;
    folder.tokenizer["pre_tokenizer"] = {
        {"type", "Metaspace"},
        {"replacement", "\u2581"},
        {"prepend_scheme", prefix ? "always" : "never"},
        {"split", false}};
    EXPECT_EQ(folder.readOrFail().addSpacePrefix, prefix);
    folder.tokenizer["pre_tokenizer"]["prepend_scheme"] = "first";
    folder.expectError("the pre-tokeniser 'Metaspace' does something");
    folder.tokenizer["pre_tokenizer"]["prepend_scheme"] = "never";
    folder.tokenizer["pre_tokenizer"]["split"] = true;
    folder.expectError("expected none, or 'Metaspace' without 'split'");
  }
}

TEST(SavedSentencePieceSteps, OthersAreRefused) {
  Folder folder = sentencePieceFolder("gemma");
  const json whole = folder.tokenizer;
  folder.tokenizer["normalizer"] = {{"type", "Lowercase"}};
  folder.expectError("the normaliser 'Lowercase' does something");
  folder.tokenizer["normalizer"] = nullptr;
  folder.tokenizer["pre_tokenizer"] = nullptr;
  folder.expectError("does not spell spaces as U+2581");
  folder.tokenizer = whole;
  folder.tokenizer["decoder"] = {{"type", "WordPiece"}};
  folder.expectError("the decoder 'WordPiece' is not supported");
  folder.tokenizer = whole;
  folder.tokenizer["model"]["ignore_merges"] = true;
  folder.expectError("'ignore_merges' is true");
  folder.tokenizer = whole;
  folder.tokenizer["model"]["merges"].push_back({"qqq", "zzz"});
  folder.expectError("makes 'qqqzzz', which is not in the vocabulary");
}

INSTANTIATE_TEST_SUITE_P(PreTokenizers, SavedTokenizer,
                         testing::Values("gpt-2", "smollm", "llama-bpe",
                                         "qwen2", "gpt-4o", "tekken",
                                         "deepseek-v3", "default"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(HuggingFaceTokenizer, CompilesToTheSameBytesAsTheNamedSplitter) {
  const json variants = readFixture("pre_tokenizers.json");
  for (const char *name : {"smollm", "tekken", "deepseek-v3"}) {
    Folder folder;
    folder.tokenizer["pre_tokenizer"] = variants[name]["pre_tokenizer"];
    folder.tokenizer["model"]["ignore_merges"] =
        variants[name]["ignore_merges"];
    TokenizerData data = folder.readOrFail(), named = tinyTokenizer(name);
    data.types = named.types; // the library saves all added tokens as special
    named.eot = data.eot;
    auto ours = compileTokenizer(data), theirs = compileTokenizer(named);
    ASSERT_TRUE(ours && theirs);
    EXPECT_TRUE(*ours == *theirs) << name;
  }
}

TEST(HuggingFaceTokenizer, ReadsMergesAsPairsAndAsTexts) {
  Folder pairs, texts;
  for (json &merge : pairs.tokenizer["model"]["merges"])
    if (merge.is_string()) {
      std::string text = merge;
      size_t space = text.find(' ');
      merge = {text.substr(0, space), text.substr(space + 1)};
    }
  for (json &merge : texts.tokenizer["model"]["merges"])
    if (merge.is_array())
      merge = std::string(merge[0]) + " " + std::string(merge[1]);
  ASSERT_TRUE(pairs.tokenizer["model"]["merges"][0].is_array());
  ASSERT_TRUE(texts.tokenizer["model"]["merges"][0].is_string());
  EXPECT_EQ(pairs.readOrFail().merges, texts.readOrFail().merges);
  EXPECT_EQ(pairs.readOrFail().merges, tinyTokenizer("gpt-2").merges);
}

TEST(HuggingFaceTokenizer, FillsTheVocabularyUpToTheModels) {
  Folder folder;
  const size_t tokens = size_t(folder.vocabulary);
  folder.vocabulary += 3;
  TokenizerData data = folder.readOrFail();
  ASSERT_EQ(data.tokens.size(), tokens + 3);
  EXPECT_EQ(data.types[tokens - 1], TokenType::Control);
  EXPECT_EQ(data.types[tokens], TokenType::Unused);
  EXPECT_TRUE(bool(compileTokenizer(data)));
}

TEST(HuggingFaceTokenizer, AddedTokensAreControlOnlyIfSpecial) {
  Folder folder;
  uint32_t id = folder.tokenizer["added_tokens"][0]["id"];
  EXPECT_EQ(folder.readOrFail().types[id], TokenType::Control);
  folder.tokenizer["added_tokens"][0]["special"] = false;
  EXPECT_EQ(folder.readOrFail().types[id], TokenType::UserDefined);
}

TEST(HuggingFaceTokenizer, TakesTheEndsOfGenerationConfigBeforeConfig) {
  Folder folder;
  folder.config["eos_token_id"] = 3;
  EXPECT_EQ(folder.readOrFail().ends, std::vector<uint32_t>{3});
  folder.generationConfig["eos_token_id"] = {5, 7};
  folder.generationConfig["bos_token_id"] = 4;
  TokenizerData data = folder.readOrFail();
  EXPECT_EQ(data.ends, (std::vector<uint32_t>{5, 7}));
  EXPECT_EQ(data.eos, 5u);
  CompiledTokenizer tokenizer(data);
  EXPECT_TRUE(tokenizer->isEnd(5));
  EXPECT_TRUE(tokenizer->isEnd(7));
  EXPECT_FALSE(tokenizer->isEnd(3));
}

TEST(HuggingFaceTokenizer, ReadsSpecialTokensInBothForms) {
  Folder folder;
  folder.tokenizerConfig = {{"bos_token", "<|im_start|>"},
                            {"eos_token", {{"content", "<|im_end|>"}}},
                            {"pad_token", "<not there>"}};
  TokenizerData data = folder.readOrFail();
  ASSERT_TRUE(data.bos && data.eos);
  EXPECT_EQ(data.tokens[*data.bos], "<|im_start|>");
  EXPECT_EQ(data.tokens[*data.eos], "<|im_end|>");
  EXPECT_FALSE(data.padding);
  EXPECT_FALSE(data.addBos.value_or(false));
  folder.tokenizerConfig["bos_token"] = "<not there>";
  folder.expectError("'bos_token' is '<not there>', which is not in the "
                     "vocabulary");
  folder.tokenizerConfig["bos_token"] = 3;
  folder.expectError("'bos_token' is a whole number");
}

TEST(HuggingFaceTokenizer,
     TheTemplateSaysWhatIsAddedToATextUnlessTheConfigDoes) {
  Folder folder;
  uint32_t id = folder.tokenizer["model"]["vocab"]["<|im_start|>"];
  json piece = {{"SpecialToken", {{"id", "<|im_start|>"}, {"type_id", 0}}}};
  json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json processor = {
      {"type", "TemplateProcessing"},
      {"single", {piece, text}},
      {"pair", {piece, text}},
      {"special_tokens",
       {{"<|im_start|>",
         {{"id", "<|im_start|>"}, {"ids", {id}}, {"tokens", {"x"}}}}}}};
  folder.tokenizer["post_processor"] = {
      {"type", "Sequence"},
      {"processors", {{{"type", "ByteLevel"}}, processor}}};
  TokenizerData data = folder.readOrFail();
  EXPECT_EQ(data.bos, id);
  EXPECT_EQ(data.addBos, true);
  EXPECT_EQ(data.addEos, false);
  CompiledTokenizer tokenizer(data);
  EXPECT_TRUE(tokenizer->addBos());

  folder.tokenizerConfig["add_bos_token"] = false;
  EXPECT_EQ(folder.readOrFail().addBos, false);
  folder.tokenizerConfig["bos_token"] = "<|im_end|>";
  folder.expectError("adds '<|im_start|>', which is not supported");

  folder.tokenizerConfig = json::object();
  processor["single"] = {text, piece};
  folder.tokenizer["post_processor"] = processor;
  data = folder.readOrFail();
  EXPECT_EQ(data.addBos, false);
  EXPECT_EQ(data.addEos, true);
  EXPECT_EQ(data.eos, id);

  processor["single"] = {piece, piece, text};
  folder.tokenizer["post_processor"] = processor;
  folder.expectError("adds '<|im_start|>', which is not supported");
  processor["single"] = {text, 3};
  folder.tokenizer["post_processor"] = processor;
  folder.expectError("neither the text nor one special token");
  folder.tokenizer["post_processor"] = {{"type", "BertProcessing"}};
  folder.expectError("the post-processor 'BertProcessing' is not supported");
}

TEST(HuggingFaceTokenizer, TakesTheTemplateOfDialogsFromEitherFile) {
  Folder folder;
  EXPECT_EQ(folder.readOrFail().chatTemplate, "");
  folder.tokenizerConfig["chat_template"] = {
      {{"name", "tool_use"}, {"template", "t"}},
      {{"name", "default"}, {"template", "d"}}};
  EXPECT_EQ(folder.readOrFail().chatTemplate, "d");
  folder.tokenizerConfig["chat_template"] = "config";
  EXPECT_EQ(folder.readOrFail().chatTemplate, "config");
  folder.chatTemplate = "file";
  EXPECT_EQ(folder.readOrFail().chatTemplate, "file");
  folder.chatTemplate = "";
  folder.tokenizerConfig["chat_template"] = 3;
  folder.expectError("m/tokenizer_config.json: 'chat_template' is a whole "
                     "number, expected a string");
}

TEST(HuggingFaceTokenizer, RefusesOtherKinds) {
  Folder folder;
  json &model = folder.tokenizer["model"];
  for (const char *kind : {"Unigram", "WordPiece", "WordLevel"}) {
    model["type"] = kind;
    folder.expectError("the tokenizer is of the kind '" + std::string(kind) +
                       "'; only BPE is supported");
  }
  model["type"] = "BPE";
  model["end_of_word_suffix"] = "</w>";
  folder.expectError("marks parts of words ('end_of_word_suffix')");
  model["end_of_word_suffix"] = nullptr;
  model["dropout"] = 0.1;
  folder.expectError("'dropout'");
  model["dropout"] = nullptr;
  folder.tokenizer["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", {{{"type", "NFC"}}, {{"type", "Prepend"}}}}};
  folder.expectError("the normaliser 'Prepend' is not supported");
  folder.tokenizer["normalizer"] = {{"type", "NFC"}};
  folder.readOrFail();
  folder.tokenizer["decoder"] = {{"type", "Metaspace"}};
  folder.expectError("the decoder 'Metaspace' is not supported");
}

TEST(HuggingFaceTokenizer, OldFilesDoNotNameTheKind) {
  Folder folder;
  folder.tokenizer["model"].erase("type");
  EXPECT_EQ(folder.readOrFail().model, "gpt2");
}

TEST(HuggingFaceTokenizer, RefusesOtherPreTokenisers) {
  Folder folder;
  const json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  auto expectError = [&](const json &step, const std::string &part) {
    folder.tokenizer["pre_tokenizer"] = step;
    folder.expectError(part);
  };
  auto split = [](const json &pattern, const std::string &behavior) {
    return json{{"type", "Split"},
                {"pattern", pattern},
                {"behavior", behavior},
                {"invert", false}};
  };
  expectError(nullptr, "has no step 'ByteLevel'");
  expectError({{"type", "Metaspace"}}, "the pre-tokeniser 'Metaspace' is not "
                                       "supported; supported: ByteLevel");
  expectError({{"type", "ByteLevel"}}, "'add_prefix_space'");
  expectError({{"type", "Digits"}}, "has no step 'ByteLevel'");
  expectError({{"type", "Sequence"},
               {"pretokenizers", {byteLevel, {{"type", "Digits"}}}}},
              "a step 'Digits' after 'ByteLevel'");
  expectError(split({{"Regex", "a"}}, "Removed"),
              "with the behavior 'Removed' is not supported");
  expectError(split({{"Glob", "a"}}, "Isolated"), "'Split' has no pattern");
  expectError(split("a", "Isolated"), "'pre_tokenizer.pattern' is a string");
  expectError({{"type", "Punctuation"}, {"behavior", "MergedWithNext"}},
              "'Punctuation' with the behavior 'MergedWithNext'");
  expectError({{"type", "Sequence"}, {"pretokenizers", {3}}},
              "an element of 'pre_tokenizer.pretokenizers' is a whole number");
  json many = {{"type", "Sequence"}, {"pretokenizers", json::array()}};
  for (int i = 0; i < 17; ++i)
    many["pretokenizers"].push_back({{"type", "Digits"}});
  expectError(many, "more than 16 steps");
}

TEST(HuggingFaceTokenizer, PatternsThatDoNotCompileAreOneSentence) {
  Folder folder;
  folder.tokenizer["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"},
         {"pattern", {{"Regex", "(?<=a)b"}}},
         {"behavior", "Isolated"}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
  auto bytes = compileTokenizer(folder.readOrFail());
  ASSERT_FALSE(bool(bytes));
  EXPECT_NE(llvm::toString(bytes.takeError()).find("not supported"),
            std::string::npos);
}

TEST(HuggingFaceTokenizer, SplitsAtTextsAndPunctuation) {
  Folder folder;
  auto patternsOf = [&](const json &step) {
    folder.tokenizer["pre_tokenizer"] = {{"type", "Sequence"},
                                         {"pretokenizers",
                                          {step,
                                           {{"type", "ByteLevel"},
                                            {"add_prefix_space", false},
                                            {"use_regex", false}}}}};
    TokenizerData data = folder.readOrFail();
    EXPECT_TRUE(bool(compileTokenizer(data)));
    return data.splitters;
  };
  EXPECT_EQ(patternsOf({{"type", "Split"},
                        {"pattern", {{"String", "a.[b] "}}},
                        {"behavior", "Isolated"}}),
            std::vector<std::string>{R"(a\.\[b\] )"});
  EXPECT_EQ(patternsOf({{"type", "Digits"}, {"individual_digits", false}}),
            std::vector<std::string>{R"(\p{N}+)"});
  EXPECT_EQ(patternsOf({{"type", "Punctuation"}, {"behavior", "Contiguous"}}),
            std::vector<std::string>{R"([\p{P}\$\+<=>\^`\|~]+)"});
}

TEST(HuggingFaceTokenizer, WithoutPatternsATextIsOnePiece) {
  Folder folder;
  folder.tokenizer["pre_tokenizer"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  CompiledTokenizer tokenizer(folder.readOrFail());
  const std::string text = "a b, 12 c";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, true), true), text);
}

TEST(HuggingFaceTokenizer, RefusesBrokenVocabularies) {
  Folder folder;
  const json good = folder.tokenizer;
  auto expectError = [&](llvm::function_ref<void(json &)> change,
                         const std::string &part) {
    folder.tokenizer = good;
    change(folder.tokenizer);
    folder.expectError(part);
  };
  expectError([](json &t) { t = json::array(); }, "is an array, expected an");
  expectError([](json &t) { t.erase("model"); }, "is of the kind 'unnamed'");
  expectError([](json &t) { t["model"].erase("vocab"); },
              "'model.vocab' is missing");
  expectError([](json &t) { t["model"]["vocab"] = json::array(); },
              "'model.vocab' is missing, empty or no object");
  for (const json &id : {json(-1), json("1"), json(1.5), json(1000000),
                         json(nullptr), json(UINT64_MAX)})
    expectError([&](json &t) { t["model"]["vocab"]["zzz"] = id; },
                "token 'zzz' has no number below the size of the vocabulary");
  expectError([](json &t) { t["model"]["vocab"]["zzz"] = 0; },
              "contradict each other");
  expectError([](json &t) { t["added_tokens"][0]["id"] = 0; },
              "contradict each other");
  expectError([](json &t) { t["added_tokens"][0].erase("id"); },
              "an added token has no content or no id");
  expectError([](json &t) { t["added_tokens"][0]["lstrip"] = true; },
              "has 'lstrip', which is not supported");
  expectError([](json &t) { t["added_tokens"] = 3; },
              "'added_tokens' is a whole number, expected an array");
  expectError([](json &t) { t["added_tokens"] = {3}; },
              "an element of 'added_tokens' is a whole number");
  expectError([](json &t) { t["model"].erase("merges"); },
              "'model.merges' is missing");
  for (const json &merge :
       {json("ab"), json("a b c"), json(" a"), json("a "), json({"a"}),
        json({"a", 3}), json({"a", "b", "c"}), json(3), json({"a", ""})})
    expectError([&](json &t) { t["model"]["merges"][1] = merge; },
                "merge 1 is neither two texts nor one with a space");
  folder.tokenizer = good;
  folder.vocabulary = 10;
  folder.expectError("below the size of the vocabulary, 10");
  folder.vocabulary = int64_t(1) << 31;
  folder.expectError("a vocabulary of 2147483648 tokens is not supported");
  folder.vocabulary = 2000;
  folder.generationConfig["eos_token_id"] = {1, 2000};
  folder.expectError("m/generation_config.json: 'eos_token_id' must be numbers "
                     "of tokens below 2000");
}

TEST(HuggingFaceTokenizer, DamagedTextsNeverCrash) {
  const std::string text = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,)"
                           R"("ab":2},"merges":["a b"]},"pre_tokenizer":{)"
                           R"("type":"ByteLevel","add_prefix_space":false},)"
                           R"("added_tokens":[{"id":3,"content":"<e>"}]})";
  HuggingFaceTexts texts;
  texts.folder = "m";
  texts.config = R"({"eos_token_id": [3]})";
  auto read = [&](const std::string &broken) {
    texts.tokenizer = broken;
    auto data = readHuggingFaceTokenizer(texts, 8);
    if (!data) {
      llvm::consumeError(data.takeError());
      return false;
    }
    EXPECT_EQ(data->tokens.size(), 8u);
    llvm::consumeError(compileTokenizer(*data).takeError());
    return true;
  };
  EXPECT_TRUE(read(text));
  for (size_t size = 1; size < text.size(); ++size)
    EXPECT_FALSE(read(text.substr(0, size)));
  for (size_t i = 0; i < text.size(); ++i)
    for (int mask : {0xFF, 0x01, 0x20}) {
      std::string broken = text;
      broken[i] ^= char(mask);
      read(broken);
    }
}

} // namespace
