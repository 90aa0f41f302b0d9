//===- WeightFile.cpp - writes and checks the weight file -----------------===//

#include "picollm/Packing/WeightFile.h"
#include "picollm/Packing/PackMatrix.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/weight_file.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <cstddef>
#include <optional>

using namespace picollm;
using namespace llvm::support;

using Header = std::array<uint8_t, PICOLLM_WEIGHT_FILE_HEADER_BYTES>;
using HeaderFields = picollm_weight_file_header;

static_assert(PICOLLM_WEIGHT_FILE_ALIGNMENT == partAlignment,
              "matrices keep their parts aligned inside the file");

struct WeightFileWriter::State {
  State(llvm::StringRef path, llvm::sys::fs::TempFile file)
      : path(path), file(std::move(file)),
        stream(this->file.FD, /*shouldClose=*/false) {}

  std::string path;
  llvm::sys::fs::TempFile file;
  llvm::raw_fd_ostream stream;
  llvm::SHA256 hash;
  int64_t bytes = PICOLLM_WEIGHT_FILE_HEADER_BYTES;
  bool named = false;
};

static Header encodeHeader(const WeightFileIdentity &identity) {
  Header header{};
  uint8_t *out = header.data();
  std::memcpy(out, PICOLLM_WEIGHT_FILE_MAGIC, sizeof(HeaderFields::magic));
  endian::write32le(out + offsetof(HeaderFields, version),
                    PICOLLM_WEIGHT_FILE_VERSION);
  endian::write32le(out + offsetof(HeaderFields, header_bytes),
                    PICOLLM_WEIGHT_FILE_HEADER_BYTES);
  endian::write64le(out + offsetof(HeaderFields, file_bytes),
                    identity.fileBytes);
  std::memcpy(out + offsetof(HeaderFields, build_id), identity.buildId.data(),
              identity.buildId.size());
  std::memcpy(out + offsetof(HeaderFields, content_sha256),
              identity.contentSha256.data(), identity.contentSha256.size());
  return header;
}

int64_t picollm::weightFileFloatBytes(int64_t count) {
  return llvm::alignTo(4 * count, PICOLLM_WEIGHT_FILE_ALIGNMENT);
}

WeightFileWriter::WeightFileWriter(std::unique_ptr<State> state)
    : state(std::move(state)) {}

llvm::Expected<std::unique_ptr<WeightFileWriter>>
WeightFileWriter::create(llvm::StringRef path) {
  llvm::Expected<llvm::sys::fs::TempFile> file =
      llvm::sys::fs::TempFile::create(path + ".%%%%%%%%.part");
  if (!file)
    return llvm::createStringError("%s: cannot create weight file: %s",
                                   path.str().c_str(),
                                   llvm::toString(file.takeError()).c_str());
  auto state = std::make_unique<State>(path, std::move(*file));
  state->stream.write_zeros(PICOLLM_WEIGHT_FILE_HEADER_BYTES);
  return std::unique_ptr<WeightFileWriter>(
      new WeightFileWriter(std::move(state)));
}

WeightFileWriter::~WeightFileWriter() {
  llvm::consumeError(takeError(state->stream, state->path));
  if (!state->named)
    llvm::consumeError(state->file.discard());
}

int64_t WeightFileWriter::bytes() const { return state->bytes; }

llvm::Expected<int64_t>
WeightFileWriter::append(llvm::ArrayRef<uint8_t> bytes) {
  static constexpr uint8_t zeros[PICOLLM_WEIGHT_FILE_ALIGNMENT] = {};
  int64_t offset = state->bytes;
  llvm::ArrayRef<uint8_t> padding(
      zeros, llvm::alignTo(bytes.size(), sizeof(zeros)) - bytes.size());
  for (llvm::ArrayRef<uint8_t> part : {bytes, padding}) {
    state->stream.write(reinterpret_cast<const char *>(part.data()),
                        part.size());
    state->hash.update(part);
    state->bytes += part.size();
  }
  if (state->stream.has_error())
    return takeError(state->stream, state->path);
  return offset;
}

llvm::Expected<int64_t>
WeightFileWriter::appendMatrix(const QuantizedMatrix &matrix) {
  if (llvm::Error error = checkQuantizedMatrix(matrix))
    return error;
  std::vector<uint8_t> bytes(matrixBytes(matrix.layout));
  if (llvm::Error error = packMatrix(matrix, bytes))
    return error;
  return append(bytes);
}

llvm::Expected<int64_t>
WeightFileWriter::appendFloats(llvm::ArrayRef<float> values) {
  std::vector<uint8_t> bytes(4 * values.size());
  for (size_t i = 0; i < values.size(); ++i)
    endian::write<float>(bytes.data() + 4 * i, values[i],
                         llvm::endianness::little);
  return append(bytes);
}

llvm::Expected<WeightFileIdentity> WeightFileWriter::finish() {
  WeightFileIdentity identity;
  identity.fileBytes = state->bytes;
  identity.contentSha256 = state->hash.final();
  std::copy_n(identity.contentSha256.begin(), identity.buildId.size(),
              identity.buildId.begin());
  Header header = encodeHeader(identity);
  state->stream.pwrite(reinterpret_cast<const char *>(header.data()),
                       header.size(), 0);
  if (llvm::Error error = takeError(state->stream, state->path))
    return error;
  if (llvm::Error error = state->file.keep(state->path))
    return llvm::createStringError("%s: cannot name weight file: %s",
                                   state->path.c_str(),
                                   llvm::toString(std::move(error)).c_str());
  state->named = true;
  return identity;
}

llvm::Expected<WeightFileIdentity>
picollm::checkWeightBytes(llvm::StringRef bytes, llvm::StringRef path,
                          bool content) {
  auto error = [&](const llvm::Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   path + ": " + message);
  };
  const auto *in = reinterpret_cast<const uint8_t *>(bytes.data());
  if (bytes.size() < PICOLLM_WEIGHT_FILE_HEADER_BYTES ||
      !bytes.starts_with(PICOLLM_WEIGHT_FILE_MAGIC))
    return error("is no weight file of picollm; compile the model again");
  uint32_t version = endian::read32le(in + offsetof(HeaderFields, version));
  if (version != PICOLLM_WEIGHT_FILE_VERSION ||
      endian::read32le(in + offsetof(HeaderFields, header_bytes)) !=
          PICOLLM_WEIGHT_FILE_HEADER_BYTES)
    return error("weight file has version " + llvm::Twine(version) +
                 ", expected " + llvm::Twine(PICOLLM_WEIGHT_FILE_VERSION) +
                 "; compile the model again");
  WeightFileIdentity identity;
  uint64_t size = endian::read64le(in + offsetof(HeaderFields, file_bytes));
  if (size != bytes.size())
    return error("weight file has " + llvm::Twine(bytes.size()) +
                 " bytes, its header says " + llvm::Twine(size) +
                 "; copy it again");
  identity.fileBytes = size;
  std::copy_n(in + offsetof(HeaderFields, build_id), identity.buildId.size(),
              identity.buildId.begin());
  std::copy_n(in + offsetof(HeaderFields, content_sha256),
              identity.contentSha256.size(), identity.contentSha256.begin());
  Header expected = encodeHeader(identity);
  std::copy_n(identity.contentSha256.begin(), identity.buildId.size(),
              expected.begin() + offsetof(HeaderFields, build_id));
  if (!std::equal(expected.begin(), expected.end(), in))
    return error("header of the weight file is damaged; copy it again");
  if (content &&
      llvm::SHA256::hash(llvm::ArrayRef<uint8_t>(in, bytes.size())
                             .drop_front(PICOLLM_WEIGHT_FILE_HEADER_BYTES)) !=
          identity.contentSha256)
    return error("content of the weight file does not match its hash; copy it "
                 "again");
  return identity;
}

llvm::Expected<WeightFileIdentity>
picollm::checkWeightFile(llvm::StringRef path, bool content) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot read weight file: " + buffer.getError().message());
  return checkWeightBytes((*buffer)->getBuffer(), path, content);
}
