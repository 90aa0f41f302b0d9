//===- WeightFileFuzzer.cpp - weight files of any bytes -------------------===//
//
// The input is the fields of a header, a byte that goes into its padding, then
// the content; the 4 KB between them are zeros. Compiler and runtime each have
// a reader: what the runtime takes, the compiler must take too.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "Runtime/FakeModel.h"
#include "Sha256.h"
#include "picollm.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/weight_file.h"
#include <cstring>
#include <vector>

using namespace picollm;

using Header = picollm_weight_file_header;
static constexpr size_t pageBytes = PICOLLM_WEIGHT_FILE_HEADER_BYTES;
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// Three of four mutations get the size and the hash right again.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  if (size <= sizeof(Header) || seed % 4 == 0)
    return size;
  Header header;
  std::memcpy(&header, data, sizeof header);
  const size_t content = size - sizeof header - 1;
  header.file_bytes = pageBytes + content;
  runtime::Sha256 hash;
  hash.update(data + sizeof header + 1, content);
  const auto digest = hash.finish();
  std::memcpy(header.content_sha256, digest.data(), digest.size());
  if (seed % 4 != 1)
    std::memcpy(header.build_id, digest.data(), sizeof header.build_id);
  std::memcpy(data, &header, sizeof header);
  return size;
}

static std::vector<uint8_t> expand(const uint8_t *data, size_t size) {
  if (size <= sizeof(Header))
    return {data, data + size};
  std::vector<uint8_t> file(pageBytes + size - sizeof(Header) - 1);
  std::memcpy(file.data(), data, sizeof(Header));
  file[pageBytes - 1] = data[sizeof(Header)];
  std::memcpy(file.data() + pageBytes, data + sizeof(Header) + 1,
              file.size() - pageBytes);
  return file;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::vector<uint8_t> file = expand(data, size);
  // A model that claims to belong to these weights.
  picollm_compiled_model compiled = *picollm_fake_model();
  compiled.weights_bytes = file.size();
  if (size >= sizeof(Header))
    std::memcpy(compiled.build_id,
                reinterpret_cast<const Header *>(file.data())->build_id,
                sizeof compiled.build_id);
  const picollm_model_options verify = {1};
  picollm_model *model = nullptr;
  picollm_error error = {};
  const picollm_status status = picollm_model_from_compiled(
      &compiled, file.data(), file.size(), nullptr, 0, &verify, &model, &error);
  if (status != PICOLLM_OK) {
    require(!model && error.code == status, "a failure with a model");
    requireSentence(error.message);
  }
  const bool isTaken = status == PICOLLM_OK;
  picollm_model_free(model);

  llvm::StringRef bytes(reinterpret_cast<const char *>(file.data()),
                        file.size());
  auto header = checkWeightBytes(bytes, "m.weights", /*content=*/false);
  auto whole = checkWeightBytes(bytes, "m.weights", /*content=*/true);
  require(bool(whole) || !isTaken, "weights that only the runtime takes");
  require(bool(header) || !whole, "weights whose header alone is refused");
  if (!header)
    requireSentence(header.takeError());
  if (!whole)
    requireSentence(whole.takeError());
  return 0;
}
