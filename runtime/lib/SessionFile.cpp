// Sessions to files and back. Format: picollm/session_file.h.
#include "Session.h"
#include "Sha256.h"
#include "picollm/session_file.h"

#include <cstddef>
#include <cstring>

using namespace picollm::runtime;

using Header = picollm_session_file_header;

/// Bytes of a block of positions of one head, and how many such heads the keys
/// and values of a model have.
struct CacheShape {
  explicit CacheShape(const picollm_compiled_model &compiled)
      : heads(2 * uint64_t(compiled.layers) * uint64_t(compiled.kv_heads)),
        blockBytes(heads ? compiled.kv_bytes(1) / heads : 0) {}

  /// Of one head.
  uint64_t headBytes(int64_t positions) const {
    constexpr uint64_t block = PICOLLM_KV_BLOCK_POSITIONS;
    return (uint64_t(positions) + block - 1) / block * blockBytes;
  }
  uint64_t bytes(int64_t positions) const {
    return heads * headBytes(positions);
  }

  uint64_t heads;
  uint64_t blockBytes;
};

static Header makeHeader(const picollm_compiled_model &compiled, int64_t tokens,
                         int64_t cached) {
  Header header = {};
  std::memcpy(header.magic, PICOLLM_SESSION_FILE_MAGIC, sizeof header.magic);
  header.version = PICOLLM_SESSION_FILE_VERSION;
  header.header_bytes = sizeof(Header);
  header.file_bytes = sizeof(Header) + uint64_t(tokens) * sizeof(int32_t) +
                      CacheShape(compiled).bytes(cached);
  std::memcpy(header.build_id, compiled.build_id, sizeof header.build_id);
  header.layers = compiled.layers;
  header.kv_heads = compiled.kv_heads;
  header.head_size = compiled.head_size;
  header.kv_block_bytes = int64_t(CacheShape(compiled).blockBytes);
  header.vocabulary = compiled.vocabulary;
  header.tokens = tokens;
  header.cached = cached;
  return header;
}

/// `rest` calls what it is given with each part of the file that follows.
template <typename Rest> static void addHash(Header &header, Rest rest) {
  Sha256 hash;
  std::memset(header.sha256, 0, sizeof header.sha256);
  hash.update(&header, sizeof header);
  rest([&](const void *data, size_t size) { hash.update(data, size); });
  const auto digest = hash.finish();
  std::memcpy(header.sha256, digest.data(), digest.size());
}

Failure picollm_session::save(const std::string &path) const {
  const CacheShape shape(*model.compiled);
  Header header = makeHeader(*model.compiled, getPosition(), cached);
  auto forEachPart = [&](auto act) {
    act(tokens.data(), tokens.size() * sizeof(int32_t));
    for (uint64_t head = 0; head < shape.heads; ++head)
      act(kv.data() + head * shape.headBytes(context),
          size_t(shape.headBytes(cached)));
  };
  addHash(header, forEachPart);
  NewFile file;
  if (Failure failure = file.open(path))
    return failure;
  Failure failure = file.write(&header, sizeof header);
  forEachPart([&](const void *data, size_t size) {
    if (!failure)
      failure = file.write(data, size);
  });
  return failure ? failure : file.finish();
}

static Failure damaged(const std::string &what) {
  return {PICOLLM_DAMAGED_FILE, what + "; save the session again"};
}

static Failure mismatch(const std::string &what) {
  return {PICOLLM_MISMATCH, what};
}

/// Whether the sizes fit the model and the file.
static Failure checkHeader(const Header &header,
                           const picollm_compiled_model &compiled,
                           const std::string &path, size_t fileBytes) {
  if (std::memcmp(header.magic, PICOLLM_SESSION_FILE_MAGIC,
                  sizeof header.magic) != 0)
    return {PICOLLM_DAMAGED_FILE,
            path + ": is not a saved session: it does not begin "
                   "with " PICOLLM_SESSION_FILE_MAGIC};
  if (header.version != PICOLLM_SESSION_FILE_VERSION)
    return mismatch(path + ": has format version " +
                    std::to_string(header.version) + ", this runtime reads " +
                    std::to_string(PICOLLM_SESSION_FILE_VERSION) +
                    "; start the conversation again");
  if (header.header_bytes != sizeof(Header))
    return damaged(path + ": its header is damaged: it claims " +
                   std::to_string(header.header_bytes) + " bytes, expected " +
                   std::to_string(sizeof(Header)));
  if (header.file_bytes != fileBytes)
    return damaged(
        path + ": " +
        (fileBytes < header.file_bytes ? "is truncated" : "is too long") +
        ": its header says " + std::to_string(header.file_bytes) +
        " bytes, it has " + std::to_string(fileBytes));
  if (std::memcmp(header.build_id, compiled.build_id, sizeof header.build_id) !=
      0)
    return mismatch(path + ": was saved with other weights than those of '" +
                    compiled.name +
                    "'; load it with the model it was saved "
                    "with, or start the conversation again");
  if (header.kv_block_bytes != int64_t(CacheShape(compiled).blockBytes))
    return mismatch(path +
                    ": was saved with another type of KV cache than that of '" +
                    compiled.name +
                    "'; load it with the model it was saved with, or start the "
                    "conversation again");
  if (header.layers != compiled.layers ||
      header.kv_heads != compiled.kv_heads ||
      header.head_size != compiled.head_size ||
      header.vocabulary != compiled.vocabulary)
    return damaged(path + ": its header is damaged: its sizes are not those "
                          "of the model");
  return success();
}

Failure picollm_session::load(const std::string &path) {
  MappedFile file;
  if (Failure failure = file.open(path))
    return failure;
  return restore(file.data(), file.size(), path);
}

Failure picollm_session::restore(const uint8_t *data, size_t size,
                                 const std::string &path) {
  if (size < sizeof(Header))
    return damaged(path + ": is truncated: a saved session has at least " +
                   std::to_string(sizeof(Header)) + " bytes, this one has " +
                   std::to_string(size));
  Header header;
  std::memcpy(&header, data, sizeof header);
  const picollm_compiled_model &compiled = *model.compiled;
  if (Failure failure = checkHeader(header, compiled, path, size))
    return failure;
  // No token takes less than its id, and no cached one less than its share of a
  // block: sizes that pass cannot overflow.
  const CacheShape shape(compiled);
  const uint64_t restBytes = size - sizeof header;
  const bool sane =
      header.tokens >= 0 && header.cached >= 0 &&
      header.cached <= header.tokens &&
      uint64_t(header.tokens) <= restBytes / sizeof(int32_t) &&
      (shape.bytes(1) == 0 ||
       uint64_t(header.cached) / PICOLLM_KV_BLOCK_POSITIONS <=
           restBytes / shape.bytes(1)) &&
      uint64_t(header.tokens) * sizeof(int32_t) + shape.bytes(header.cached) ==
          restBytes;
  if (!sane)
    return damaged(
        path + ": its header is damaged: " + std::to_string(header.tokens) +
        " tokens, " + std::to_string(header.cached) +
        " of them run, do not make " + std::to_string(size) + " bytes");
  const uint8_t *rest = data + sizeof header;
  Header expected = header;
  addHash(expected, [&](auto act) { act(rest, size_t(restBytes)); });
  if (std::memcmp(header.sha256, expected.sha256, sizeof header.sha256) != 0)
    return damaged(path + ": is damaged: the SHA-256 of its content is not the "
                          "one in its header");
  if (header.tokens > context)
    return {PICOLLM_CONTEXT_FULL,
            path + ": holds " + std::to_string(header.tokens) +
                " tokens, but the context of this session has " +
                std::to_string(context) +
                " positions; create one with a longer context"};
  std::vector<int32_t> newTokens(static_cast<size_t>(header.tokens));
  newTokens.reserve(size_t(context));
  if (!newTokens.empty())
    std::memcpy(newTokens.data(), rest, newTokens.size() * sizeof(int32_t));
  if (Failure failure = checkTokens(newTokens.data(), newTokens.size()))
    return damaged(path + ": " + failure.message);
  tokens.swap(newTokens);
  cached = header.cached;
  const uint8_t *values = rest + tokens.size() * sizeof(int32_t);
  const auto usedBytes = size_t(shape.headBytes(cached));
  for (uint64_t head = 0; head < shape.heads && usedBytes > 0; ++head)
    std::memcpy(kv.data() + head * shape.headBytes(context),
                values + head * usedBytes, usedBytes);
  return success();
}
