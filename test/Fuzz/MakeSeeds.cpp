//===- MakeSeeds.cpp - the binary seeds of the fuzz targets ---------------===//
//
//   fuzz-seeds DIR      writes DIR/<target>/<seed> by the writers of the tree
//
// Run it again when a format changes. Seeds that are text are written by hand.
//
//===----------------------------------------------------------------------===//

#include "Import/TinyLlama.h"
#include "Runtime/FakeChat.h"
#include "Runtime/FakeFiles.h"
#include "Runtime/FakeModel.h"
#include "picollm.h"
#include "picollm/Import/TokenizerData.h"
#include "picollm/Packing/PackFile.h"
#include "picollm/Tokenizer/TokenizerCompiler.h"
#include "picollm/weight_file.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include <filesystem>
#include <iostream>

using namespace picollm;

static std::string folder;

static void write(const std::string &name, const std::string &bytes) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush())
    std::cerr << path << " cannot be written\n", std::exit(1);
}

static void writeGGUF() {
  TinyLlama tiny;
  tiny.layers = 1;
  tiny.vocabulary = 8;
  tiny.embedding = 8;
  tiny.feedForward = 8;
  tiny.heads = 2;
  tiny.kvHeads = 1;
  tiny.headSize = 4;
  GGUFWriter file = tiny.writer();
  write("gguf/tiny-llama", file.bytes());
  file.set("llama.rope.scaling.type", "yarn");
  file.set("llama.rope.scaling.factor", 4.0f);
  file.set("llama.rope.scaling.original_context_length", uint32_t(32));
  file.set("general.alignment", uint32_t(64));
  file.alignment = 64;
  file.version = 2;
  file.tensors.resize(2);
  write("gguf/yarn-aligned", file.bytes());

  GGUFWriter values;
  values.set("general.architecture", "llama");
  values.set("number", uint32_t(7));
  values.set("real", 0.5f);
  values.set("flag", true);
  values.set("words", std::vector<std::string>{"one", "", "thr\xff"});
  values.set("ids", std::vector<int32_t>{1, -2, 3});
  write("gguf/values", values.bytes());

  // A block of every encoding that can be read, as ggml numbers them.
  const struct {
    uint32_t type;
    uint64_t columns;
    size_t bytes;
  } encodings[] = {{0, 8, 32},     {1, 8, 16},     {2, 32, 18},
                   {3, 32, 20},    {6, 32, 22},    {7, 32, 24},
                   {8, 32, 34},    {10, 256, 84},  {11, 256, 110},
                   {12, 256, 144}, {13, 256, 176}, {14, 256, 210},
                   {20, 32, 18},   {30, 8, 16}};
  GGUFWriter blocks;
  blocks.set("general.architecture", "llama");
  for (const auto &encoding : encodings)
    blocks.addRaw("t" + std::to_string(encoding.type), {encoding.columns},
                  encoding.type, std::string(encoding.bytes, '\x35'));
  write("gguf/encodings", blocks.bytes());
}

static void writeSafeTensors() {
  auto file = [](const std::string &header, size_t dataBytes) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    bytes[1] = static_cast<char>(header.size() >> 8);
    return bytes + header + std::string(dataBytes, '\x35');
  };
  write("safetensors/two-tensors",
        file(R"({"__metadata__":{"format":"pt"},)"
             R"("model.norm.weight":{"dtype":"F32","shape":[4],)"
             R"("data_offsets":[0,16]},)"
             R"("lm_head.weight":{"dtype":"BF16","shape":[2,4],)"
             R"("data_offsets":[16,32]}})",
             32));
  write("safetensors/small-types",
        file(R"({"a":{"dtype":"F4","shape":[2,2],"data_offsets":[0,2]},)"
             R"("b":{"dtype":"BOOL","shape":[],"data_offsets":[2,3]},)"
             R"("c":{"dtype":"I64","shape":[0,9],"data_offsets":[3,3]}})",
             3));
  write("safetensors/index",
        R"({"metadata":{"total_size":32},"weight_map":{"lm_head.weight":)"
        R"("model-00001-of-00002.safetensors","model.norm.weight":)"
        R"("model-00002-of-00002.safetensors"}})");
}

static void writeTokenizers() {
  const std::string text = "the thin 12\n<|end|>";
  write("tokenizer/bytes", test::fakeTokenizer(true, test::fakeChat()) + text);
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = "llama-bpe";
  data.tokens = {"t",  "h",   "e",  "i",          "n",
                 "th", "the", "in", "<|im_end|>", "<file>"};
  data.types.assign(10, TokenType::Normal);
  data.types[8] = TokenType::Control;
  data.types[9] = TokenType::UserDefined;
  data.merges = {{"t", "h"}, {"th", "e"}, {"i", "n"}};
  data.bos = data.eos = 8;
  write("tokenizer/merges-and-words",
        llvm::cantFail(compileTokenizer(data)) + text + "<file><|im_end|>");

  data.model = "llama"; // scores in place of merges
  for (int byte = 0; byte < 256; ++byte) {
    data.tokens.push_back("<0x" + llvm::utohexstr(byte, false, 2) + ">");
    data.types.push_back(TokenType::Byte);
  }
  data.scores.assign(data.tokens.size(), 0.0f);
  data.scores[5] = 1;
  write("tokenizer/scores", llvm::cantFail(compileTokenizer(data)) + text +
                                "<file>\xE2\x96\x81the<|im_end|>");
}

static void writeWeights() {
  const std::vector<test::CacheLine> weights = test::fakeWeights();
  const auto *bytes = reinterpret_cast<const char *>(weights.data());
  // As the target expands it: fields, a byte of padding, content.
  const size_t header = sizeof(picollm_weight_file_header);
  write("weight-file/fake",
        std::string(bytes, header) + '\0' +
            std::string(bytes + PICOLLM_WEIGHT_FILE_HEADER_BYTES,
                        weights.size() * sizeof(test::CacheLine) -
                            PICOLLM_WEIGHT_FILE_HEADER_BYTES));
}

static void writePackFiles() {
  // By way of files: that is how the writer has it.
  const std::vector<test::CacheLine> weights = test::fakeWeights();
  write("pack-file/weights", {reinterpret_cast<const char *>(weights.data()),
                              weights.size() * sizeof(test::CacheLine)});
  const std::string path = folder + "/pack-file/";
  if (llvm::Error error = writePackFile(
          path + "whole", "module", test::fakeTokenizer(true).substr(0, 100),
          R"({"file_bytes":8192,"weights":0,"matrices":[]})", path + "weights"))
    std::cerr << llvm::toString(std::move(error)) << '\n', std::exit(1);
  std::ifstream file(path + "whole", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  // As the target expands it: the header without the zeros after it.
  bytes.erase(sizeof(PackFileHeader),
              packFileHeaderBytes - sizeof(PackFileHeader));
  write("pack-file/fake", bytes);
  std::filesystem::remove(path + "whole");
  std::filesystem::remove(path + "weights");
}

static void writeSessions() {
  const std::vector<test::CacheLine> weights = test::fakeWeights();
  picollm_model *model = nullptr;
  picollm_session *session = nullptr;
  const picollm_session_options options = {64, 1};
  std::filesystem::create_directories(folder + "/session");
  bool failed =
      picollm_model_from_compiled(picollm_fake_model(), weights.data(),
                                  weights.size() * sizeof(test::CacheLine),
                                  nullptr, 0, nullptr, &model, nullptr) ||
      picollm_session_create(model, &options, &session, nullptr) ||
      picollm_session_save(session, (folder + "/session/empty").c_str(),
                           nullptr);
  const int32_t tokens[] = {'a', 'b', 'c', FAKE_END_TOKEN};
  failed = failed || picollm_forward(session, tokens, 4, 4, nullptr, nullptr) ||
           picollm_session_save(session, (folder + "/session/four").c_str(),
                                nullptr);
  if (failed)
    std::cerr << "no session was saved\n", std::exit(1);
  picollm_session_free(session);
  picollm_model_free(model);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz-seeds DIR\n";
    return 2;
  }
  folder = argv[1];
  writeGGUF();
  writeSafeTensors();
  writeTokenizers();
  writeWeights();
  writePackFiles();
  writeSessions();
  return 0;
}
