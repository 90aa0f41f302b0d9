//===- SafeTensorsFuzzer.cpp - safetensors files of any bytes -------------===//

#include "Require.h"
#include "picollm/Import/HuggingFace.h"
#include "picollm/Import/SafeTensors.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cstring>

using namespace picollm;
using llvm::StringRef;

static constexpr size_t prefixBytes = 8;

/// Half of the mutations leave the length of the header right, without which
/// nothing behind it is read.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  if (seed % 2 == 0 && size > prefixBytes) {
    auto *text = reinterpret_cast<const char *>(data) + prefixBytes;
    StringRef rest(text, size - prefixBytes);
    size_t end = rest.rfind('}');
    if (end != StringRef::npos)
      llvm::support::endian::write64le(data, end + 1);
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto tensors = parseSafeTensors({bytes, "m.safetensors"});
  if (!tensors) {
    requireSentence(tensors.takeError());
  } else {
    for (const SafeTensor &tensor : *tensors)
      require(tensor.offset >= 0 && tensor.size >= 0 &&
                  uint64_t(tensor.offset) <= size &&
                  uint64_t(tensor.size) <= size - tensor.offset,
              "a tensor outside of its file");
  }
  auto index = readSafeTensorsIndex(bytes, "m.safetensors.index.json");
  if (!index)
    requireSentence(index.takeError());
  else
    for (const auto &[tensor, file] : *index)
      require(file.find('/') == std::string::npos,
              "a shard outside of its folder");
  return 0;
}
