#include "FakeSession.h"
#include "Sha256.h"
#include "picollm/session_file.h"

#include <cstring>
#include <filesystem>
#ifdef __linux__
#include <csignal>
#include <sys/resource.h>
#endif

using namespace picollm::test;
namespace fs = std::filesystem;

static const char prompt[] = "It was saved, and then it was loaded again.";

/// The mixing model, trained for longer contexts.
static const picollm_compiled_model *longModel() {
  static const picollm_compiled_model model = [] {
    picollm_compiled_model changed = *picollm_fake_model();
    changed.context = 2048;
    return changed;
  }();
  return &model;
}

static picollm_status load(FakeSession &fake, const std::string &path) {
  return picollm_session_load(fake.session, path.c_str(), &fake.error);
}

/// A file with a session that has just generated.
static std::string savedFile() {
  const std::string path = freshFolder() + "/session";
  FakeSession fake(picollm_fake_model());
  fake.generate(prompt, maxTokens(9));
  EXPECT_EQ(picollm_session_save(fake.session, path.c_str(), &fake.error),
            PICOLLM_OK)
      << fake.error.message;
  return path;
}

TEST(SessionFile, ALoadedSessionGoesOnLikeTheSavedOne) {
  const std::string path = freshFolder() + "/session";
  picollm_generate_options options = maxTokens(100);
  options.temperature = 1;
  options.seed = 3;
  FakeSession saved(longModel(), 2, 512);
  saved.generate(prompt, maxTokens(40));
  ASSERT_EQ(picollm_session_save(saved.session, path.c_str(), nullptr),
            PICOLLM_OK);
  const std::vector<int32_t> tokens = saved.tokens();
  const std::string text = saved.generate(" Then", options);
  const std::vector<float> logits = saved.logitsOf(7);
  // Longer, as long as needed, with something in it, with other threads.
  for (auto [context, threads] : {std::pair(2048, 1), {512, 3}, {190, 2}}) {
    FakeSession loaded(longModel(), threads, context);
    loaded.generate("Something else.", maxTokens(60));
    ASSERT_EQ(load(loaded, path), PICOLLM_OK) << loaded.error.message;
    EXPECT_EQ(loaded.tokens(), tokens);
    EXPECT_EQ(loaded.generate(" Then", options), text) << context;
    EXPECT_EQ(loaded.logitsOf(7), logits) << context;
  }
}

TEST(SessionFile, HoldsOnlyThePositionsThatAreFilled) {
  const std::string path = savedFile();
  const size_t tokens = sizeof prompt - 1 + 9;
  // The last token has not been run. Positions come in blocks.
  ASSERT_EQ(tokens - 1, 51u);
  EXPECT_EQ(fs::file_size(path),
            sizeof(picollm_session_file_header) + tokens * 4 + 64 * 8 * 2);
  picollm_session_file_header header;
  const std::string bytes = readFile(path);
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.tokens, int64_t(tokens));
  EXPECT_EQ(header.cached, int64_t(tokens) - 1);
  EXPECT_EQ(std::memcmp(header.magic, "PICOLLMS", 8), 0);
}

TEST(SessionFile, AnEmptySessionToo) {
  const std::string path = freshFolder() + "/session";
  FakeSession empty(picollm_fake_model());
  ASSERT_EQ(picollm_session_save(empty.session, path.c_str(), nullptr),
            PICOLLM_OK);
  FakeSession fake(picollm_fake_model());
  fake.generate("abc", maxTokens(3));
  ASSERT_EQ(load(fake, path), PICOLLM_OK) << fake.error.message;
  EXPECT_EQ(picollm_session_position(fake.session), 0);
}

TEST(SessionFile, TokensThatDoNotFit) {
  const std::string path = savedFile();
  FakeSession fake(picollm_fake_model(), 1, 51);
  EXPECT_EQ(load(fake, path), PICOLLM_CONTEXT_FULL);
  EXPECT_EQ(std::string(fake.error.message),
            path + ": holds 52 tokens, but the context of this session has 51 "
                   "positions; create one with a longer context");
  FakeSession exact(picollm_fake_model(), 1, 52);
  EXPECT_EQ(load(exact, path), PICOLLM_OK);
}

TEST(SessionFile, OfOtherWeights) {
  const std::string path = savedFile();
  FakeSession fake(picollm_fake_model());
  fake.generate("mine", maxTokens(3));
  const std::vector<int32_t> before = fake.tokens();
  std::string bytes = readFile(path);
  bytes[offsetof(picollm_session_file_header, build_id)] ^= 1;
  writeFile(path, bytes.data(), bytes.size());
  EXPECT_EQ(load(fake, path), PICOLLM_MISMATCH);
  EXPECT_EQ(std::string(fake.error.message),
            path + ": was saved with other weights than those of 'fake'; load "
                   "it with the model it was saved with, or start the "
                   "conversation again");
  EXPECT_EQ(fake.tokens(), before);
}

TEST(SessionFile, AnyFlippedBitIsFoundAndNothingChanges) {
  const std::string path = savedFile();
  const std::string good = readFile(path);
  FakeSession fake(picollm_fake_model(), 1, 64);
  fake.generate("mine", maxTokens(3));
  const std::vector<int32_t> before = fake.tokens();
  for (size_t byte = 0; byte < good.size(); byte += byte < 600 ? 1 : 37) {
    std::string bad = good;
    bad[byte] = char(bad[byte] ^ (1 << byte % 8));
    writeFile(path, bad.data(), bad.size());
    ASSERT_NE(load(fake, path), PICOLLM_OK) << "byte " << byte;
    ASSERT_EQ(fake.tokens(), before);
  }
  FakeSession fresh(picollm_fake_model());
  fresh.generate("mine", maxTokens(3));
  EXPECT_EQ(fake.logitsOf(9), fresh.logitsOf(9));
}

TEST(SessionFile, TruncatedAnywhereOrTooLong) {
  const std::string path = savedFile();
  const std::string good = readFile(path);
  FakeSession fake(picollm_fake_model());
  for (size_t size = 0; size < good.size(); size += size < 200 ? 1 : 61) {
    writeFile(path, good.data(), size);
    ASSERT_EQ(load(fake, path), PICOLLM_DAMAGED_FILE) << size << " bytes";
    ASSERT_NE(std::string(fake.error.message).find("is truncated"),
              std::string::npos);
  }
  writeFile(path, (good + "x").data(), good.size() + 1);
  EXPECT_EQ(load(fake, path), PICOLLM_DAMAGED_FILE);
  EXPECT_EQ(picollm_session_position(fake.session), 0);
}

/// The file with another header (and tokens), whose hash is right.
static void forge(const std::string &path, picollm_session_file_header header,
                  std::string rest) {
  header.file_bytes = sizeof header + rest.size();
  std::memset(header.sha256, 0, sizeof header.sha256);
  picollm::runtime::Sha256 hash;
  hash.update(&header, sizeof header);
  hash.update(rest.data(), rest.size());
  const auto digest = hash.finish();
  std::memcpy(header.sha256, digest.data(), digest.size());
  rest.insert(0, reinterpret_cast<const char *>(&header), sizeof header);
  writeFile(path, rest.data(), rest.size());
}

TEST(SessionFile, ForgedSizesAndTokensAreRefused) {
  const std::string path = savedFile();
  const std::string good = readFile(path);
  picollm_session_file_header header;
  std::memcpy(&header, good.data(), sizeof header);
  const std::string rest = good.substr(sizeof header);
  FakeSession fake(picollm_fake_model());
  auto expectRefused = [&](auto change) {
    picollm_session_file_header changed = header;
    std::string changedRest = rest;
    change(changed, changedRest);
    forge(path, changed, changedRest);
    EXPECT_EQ(load(fake, path), PICOLLM_DAMAGED_FILE) << fake.error.message;
    EXPECT_EQ(picollm_session_position(fake.session), 0);
    return std::string(fake.error.message);
  };
  using Header = picollm_session_file_header;
  for (int64_t size : {int64_t(-1), INT64_MIN, INT64_MAX, int64_t(53),
                       int64_t(1) << 62, int64_t(1) << 32}) {
    expectRefused([&](Header &h, std::string &) { h.tokens = size; });
    expectRefused([&](Header &h, std::string &) { h.cached = size; });
    expectRefused(
        [&](Header &h, std::string &) { h.tokens = h.cached = size; });
    expectRefused([&](Header &h, std::string &) { h.layers = size; });
    expectRefused([&](Header &h, std::string &) { h.vocabulary = size; });
  }
  expectRefused([](Header &h, std::string &) { h.header_bytes = 129; });
  for (int32_t token : {-1, FAKE_VOCABULARY, INT32_MAX, INT32_MIN}) {
    const std::string message = expectRefused([&](Header &, std::string &r) {
      std::memcpy(r.data() + 12, &token, sizeof token);
    });
    EXPECT_NE(message.find("token 3: must be between 0 and 257"),
              std::string::npos)
        << message;
  }
  forge(path, header, rest); // the forger does it right
  EXPECT_EQ(load(fake, path), PICOLLM_OK) << fake.error.message;
}

TEST(SessionFile, OfAnotherVersion) {
  const std::string path = savedFile();
  std::string bytes = readFile(path);
  bytes[offsetof(picollm_session_file_header, version)] = 9;
  writeFile(path, bytes.data(), bytes.size());
  FakeSession fake(picollm_fake_model());
  EXPECT_EQ(load(fake, path), PICOLLM_MISMATCH);
  EXPECT_EQ(std::string(fake.error.message),
            path + ": has format version 9, this runtime reads 3; start the "
                   "conversation again");
}

TEST(SessionFile, OfAnotherTypeOfCache) {
  const std::string path = savedFile();
  picollm_compiled_model codes = *picollm_fake_model();
  codes.kv_bytes = [](int64_t context) {
    return picollm_fake_model()->kv_bytes(context) / 2;
  };
  FakeSession fake(&codes);
  EXPECT_EQ(load(fake, path), PICOLLM_MISMATCH);
  EXPECT_EQ(std::string(fake.error.message),
            path + ": was saved with another type of KV cache than that of "
                   "'fake'; load it with the model it was saved with, or start "
                   "the conversation again");
}

TEST(SessionFile, PathsThatCannotBe) {
  const std::string folder = freshFolder();
  FakeSession fake(picollm_fake_model());
  EXPECT_EQ(load(fake, folder + "/none"), PICOLLM_NOT_FOUND);
  EXPECT_EQ(load(fake, folder), PICOLLM_NOT_FOUND);
  const std::string text(200, 'x');
  writeFile(folder + "/text", text.data(), text.size());
  EXPECT_EQ(load(fake, folder + "/text"), PICOLLM_DAMAGED_FILE);
  EXPECT_EQ(picollm_session_load(fake.session, nullptr, nullptr),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_session_save(fake.session, nullptr, nullptr),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_session_save(nullptr, "x", nullptr),
            PICOLLM_INVALID_ARGUMENT);
  auto save = [&](const std::string &path) {
    return picollm_session_save(fake.session, path.c_str(), &fake.error);
  };
  EXPECT_EQ(save(folder + "/no/such/folder"), PICOLLM_NOT_FOUND);
  EXPECT_NE(std::string(fake.error.message).find("cannot be written"),
            std::string::npos);
  // A folder is not replaced.
  fs::create_directories(folder + "/taken/inside");
  EXPECT_NE(save(folder + "/taken"), PICOLLM_OK);
  EXPECT_TRUE(fs::exists(folder + "/taken/inside"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 2);
}

TEST(SessionFile, ReplacesAnOlderOneAndLeavesNothingElse) {
  const std::string path = savedFile();
  FakeSession fake(picollm_fake_model());
  fake.generate("newer", maxTokens(2));
  ASSERT_EQ(picollm_session_save(fake.session, path.c_str(), nullptr),
            PICOLLM_OK);
  FakeSession loaded(picollm_fake_model());
  ASSERT_EQ(load(loaded, path), PICOLLM_OK);
  EXPECT_EQ(loaded.tokens(), fake.tokens());
  EXPECT_EQ(
      std::distance(fs::directory_iterator(fs::path(path).parent_path()), {}),
      1);
}

#ifdef __linux__
// The limit on the size of files stands for a disk that is full.
TEST(SessionFile, FullDiskLeavesTheOldFile) {
  const std::string path = savedFile();
  const std::string old = readFile(path);
  FakeSession fake(longModel(), 1, 2048);
  fake.generate(std::string(1500, 'x'), maxTokens(1));
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 4096;
  auto *const handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const picollm_status status =
      picollm_session_save(fake.session, path.c_str(), &fake.error);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status, PICOLLM_SYSTEM_ERROR);
  EXPECT_EQ(std::string(fake.error.message),
            path + ": cannot be written: File too large");
  EXPECT_EQ(readFile(path), old);
  EXPECT_EQ(
      std::distance(fs::directory_iterator(fs::path(path).parent_path()), {}),
      1);
}
#endif
