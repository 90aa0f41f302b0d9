//===- GGUFFuzzer.cpp - GGUF files of any bytes ---------------------------===//
//
// Whatever opens must describe a model and its tokenizer or refuse with one
// sentence, and its tensors must lie inside the file.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "Require.h"
#include "picollm/Import/GGUF.h"
#include "picollm/Import/WeightEncoding.h"

using namespace picollm;
using llvm::StringRef;

static void readValues(const GGUFFile &file) {
  for (const std::string &key : file.keys()) {
    const GGUFValue *value = file.findValue(key);
    require(value, "a key without a value");
    value->describeType();
    for (uint64_t i : {uint64_t(0), value->count - 1, value->count}) {
      value->getUnsigned(i);
      value->getSigned(i);
      value->getDouble(i);
      value->getBool(i);
      value->getString(i);
    }
  }
}

static void decodeTensors(const GGUFFile &file, StringRef bytes) {
  for (const GGUFTensor &tensor : file.tensors()) {
    require(tensor.offset >= 0 && tensor.size >= 0 &&
                uint64_t(tensor.offset) <= bytes.size() &&
                uint64_t(tensor.size) <= bytes.size() - tensor.offset,
            "a tensor outside of its file");
    const WeightEncoding *encoding = findWeightEncoding(tensor.encoding);
    require(encoding, "a tensor that cannot be read");
    int64_t blocks = tensor.size / encoding->blockBytes;
    std::vector<float> values(blocks * encoding->blockElements);
    encoding->decode(bytes.bytes_begin() + tensor.offset, blocks,
                     values.data());
  }
}

static void describe(const ModelFile &model, size_t fileBytes) {
  if (auto description = model.describe())
    require(description->vocabulary > 0 && description->heads > 0 &&
                description->heads % description->kvHeads == 0,
            "a description that breaks its rules");
  else
    requireSentence(description.takeError());
  if (auto tokenizer = model.readTokenizer())
    require(tokenizer->tokens.size() <= fileBytes / 8 &&
                tokenizer->types.size() == tokenizer->tokens.size(),
            "more tokens than the file can hold");
  else
    requireSentence(tokenizer.takeError());
  for (const std::string &name : model.tensorNames())
    require(model.findTensor(name).has_value(), "a tensor that is not there");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto buffer = [&] {
    return llvm::MemoryBuffer::getMemBuffer(bytes, "m.gguf",
                                            /*RequiresNullTerminator=*/false);
  };
  auto file = GGUFFile::parse(buffer());
  if (!file) {
    requireSentence(file.takeError());
    return 0;
  }
  readValues(**file);
  decodeTensors(**file, bytes);
  if (auto model = parseGGUFModel(buffer()))
    describe(**model, size);
  else
    requireSentence(model.takeError());
  return 0;
}
