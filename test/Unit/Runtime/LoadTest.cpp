#include "FakeFiles.h"
#include "FakeModel.h"
#include "picollm.h"
#include "picollm/weight_file.h"

#include "gtest/gtest.h"
#include <cstring>
#include <filesystem>

using namespace picollm::test;

namespace {

/// What loading answers: the status and the sentence.
struct Answer {
  picollm_status status;
  std::string message;
};

class Load : public testing::Test {
protected:
  Answer load(const std::string &folder, bool verify = false) {
    picollm_error error = {};
    picollm_model_options options = {};
    options.verify = verify;
    picollm_model *model = nullptr;
    const picollm_status status =
        picollm_model_load(folder.c_str(), &options, &model, &error);
    EXPECT_EQ(status, error.code);
    EXPECT_EQ(model != nullptr, status == PICOLLM_OK);
    picollm_model_free(model);
    return {status, error.message};
  }

  /// Loads the good model after a change to its weight file.
  template <typename Change> Answer loadChanged(Change change) {
    const std::string folder = fakeModelFolder();
    std::string bytes = readFile(folder + "/fake.weights");
    change(bytes);
    writeFile(folder + "/fake.weights", bytes.data(), bytes.size());
    return load(folder);
  }
};

#define EXPECT_ANSWER(answer, code, part)                                      \
  do {                                                                         \
    const Answer got = (answer);                                               \
    EXPECT_EQ(got.status, code) << got.message;                                \
    EXPECT_NE(got.message.find(part), std::string::npos) << got.message;       \
  } while (false)

} // namespace

TEST_F(Load, WeightsInHugePagesAreThoseOfTheFile) {
  const std::string folder = fakeModelFolder();
  picollm_error error = {};
  picollm_model_options options = {};
  options.verify = options.huge_pages = 1;
  picollm_model *model = nullptr;
  ASSERT_EQ(picollm_model_load(folder.c_str(), &options, &model, &error),
            PICOLLM_OK)
      << error.message;
#if defined(__linux__)
  // They are the model's own.
  const std::string bytes(4096 + FAKE_CONTENT_BYTES, 'x');
  writeFile(folder + "/fake.weights", bytes.data(), bytes.size());
#endif
  EXPECT_EQ(picollm_model_verify(model, &error), PICOLLM_OK) << error.message;
  picollm_model_free(model);
}

TEST_F(Load, GoodModelAnswersWhatItIs) {
  const std::string folder = fakeModelFolder();
  picollm_error error = {};
  picollm_model_options options = {};
  options.verify = 1;
  picollm_model *model = nullptr;
  ASSERT_EQ(picollm_model_load(folder.c_str(), &options, &model, &error),
            PICOLLM_OK)
      << error.message;
  EXPECT_STREQ(picollm_model_name(model), "fake");
  EXPECT_STREQ(picollm_model_architecture(model), "mixing");
  EXPECT_STREQ(picollm_model_cpu_features(model), "");
  EXPECT_EQ(picollm_model_context(model), FAKE_CONTEXT);
  EXPECT_EQ(picollm_model_vocabulary(model), FAKE_VOCABULARY);
  EXPECT_EQ(picollm_model_layers(model), 2);
  EXPECT_EQ(picollm_model_embedding(model), 8);
  EXPECT_EQ(picollm_model_weights_bytes(model), 4096u + FAKE_CONTENT_BYTES);
  EXPECT_EQ(picollm_model_kv_bytes(model, 10), 16u * 8 * 2);
  EXPECT_EQ(picollm_model_kv_bytes(model, 0), 0u);
  EXPECT_EQ(picollm_model_kv_bytes(model, FAKE_CONTEXT + 1), 0u);
  EXPECT_EQ(picollm_model_kv_bytes(model, INT64_MAX), 0u);
  picollm_model_free(model);
}

TEST_F(Load, FolderDoesNotExist) {
  EXPECT_ANSWER(load(freshFolder() + "/none"), PICOLLM_NOT_FOUND,
                "/none: cannot be read");
}

TEST_F(Load, FolderIsAFile) {
  EXPECT_ANSWER(load(fakeModelFolder() + "/fake.weights"), PICOLLM_NOT_FOUND,
                "fake.weights: cannot be read");
}

TEST_F(Load, FolderHoldsNoModel) {
  EXPECT_ANSWER(load(freshFolder()), PICOLLM_NOT_FOUND,
                "holds no compiled model");
}

TEST_F(Load, FolderHoldsTwoModels) {
  const std::string folder = fakeModelFolder();
  writeFile(folder + "/other.weights", "", 0);
  EXPECT_ANSWER(load(folder), PICOLLM_INVALID_ARGUMENT,
                "fake.weights, other.weights");
}

TEST_F(Load, EveryFileIsNeeded) {
  for (std::string name : {"fake.tokenizer", FAKE_LIBRARY_NAME}) {
    const std::string folder = fakeModelFolder();
    std::filesystem::remove(folder + "/" + name);
    EXPECT_ANSWER(load(folder), PICOLLM_NOT_FOUND, name + ": cannot be read");
  }
}

TEST_F(Load, LibraryAloneIsNoBundle) {
  const std::string folder = fakeModelFolder();
  std::filesystem::remove(folder + "/fake.weights");
  EXPECT_ANSWER(load(folder), PICOLLM_NOT_FOUND,
                "it has no .weights file, nor a library with the weights "
                "inside");
}

TEST_F(Load, WeightFileTruncated) {
  for (size_t kept : {0, 10, 72, 4095, 4096, 5000, 8191}) {
    EXPECT_ANSWER(loadChanged([&](std::string &bytes) { bytes.resize(kept); }),
                  PICOLLM_DAMAGED_FILE, "is truncated");
  }
}

TEST_F(Load, WeightFileTooLong) {
  EXPECT_ANSWER(loadChanged([](std::string &bytes) { bytes += 'x'; }),
                PICOLLM_DAMAGED_FILE, "is too long");
}

TEST_F(Load, WeightFileOfAnotherFormat) {
  EXPECT_ANSWER(loadChanged([](std::string &bytes) { bytes[0] = 'G'; }),
                PICOLLM_DAMAGED_FILE, "is not a weight file");
}

TEST_F(Load, WeightFileOfAnotherVersion) {
  EXPECT_ANSWER(loadChanged([](std::string &bytes) { bytes[8] = 9; }),
                PICOLLM_MISMATCH, "format version 9");
}

TEST_F(Load, AnyFlippedBitOfTheHeaderIsFound) {
  const std::string folder = fakeModelFolder();
  const std::string good = readFile(folder + "/fake.weights");
  for (size_t byte = 0; byte < 80; ++byte) {
    // The hash's second half has no copy; verification reads it.
    const bool onlyVerified = byte >= 56 && byte < 72;
    std::string bytes = good;
    bytes[byte] ^= 0x10;
    writeFile(folder + "/fake.weights", bytes.data(), bytes.size());
    EXPECT_NE(load(folder, onlyVerified).status, PICOLLM_OK) << byte;
  }
}

TEST_F(Load, WeightsOfAnotherCompilation) {
  // A valid header, but of other content.
  auto change = [](std::string &bytes) {
    bytes[24] ^= 1;
    bytes[40] ^= 1;
  };
  EXPECT_ANSWER(loadChanged(change), PICOLLM_MISMATCH,
                "do not belong together: their build ids differ");
}

TEST_F(Load, VerifyFindsAFlippedBitOfTheContent) {
  const std::string folder = fakeModelFolder();
  EXPECT_EQ(load(folder, true).status, PICOLLM_OK);
  std::string bytes = readFile(folder + "/fake.weights");
  bytes[6000] ^= 1;
  writeFile(folder + "/fake.weights", bytes.data(), bytes.size());
  EXPECT_EQ(load(folder).status, PICOLLM_OK);
  EXPECT_ANSWER(load(folder, true), PICOLLM_DAMAGED_FILE, "SHA-256");
}

TEST_F(Load, LibraryOfAnotherAbiVersion) {
  EXPECT_ANSWER(load(fakeModelFolder("other-abi")), PICOLLM_MISMATCH,
                "has ABI version 77, this runtime runs version " +
                    std::to_string(PICOLLM_ABI_VERSION));
}

TEST_F(Load, LibraryNeedsAnotherCpu) {
  EXPECT_ANSWER(load(fakeModelFolder("other-cpu")), PICOLLM_UNSUPPORTED_CPU,
                "feature-of-no-cpu");
}

TEST_F(Load, LibraryTruncatedAnywhere) {
  const std::string folder = fakeModelFolder();
  const std::string path = folder + "/" FAKE_LIBRARY_NAME;
  const std::string good = readFile(path);
  for (size_t part = 0; part < 24; ++part) {
    writeFile(path, good.data(), good.size() * part / 24);
    EXPECT_ANSWER(load(folder), PICOLLM_DAMAGED_FILE, FAKE_LIBRARY_NAME);
  }
}

TEST_F(Load, LibraryOfAnotherName) {
  const std::string folder = fakeModelFolder();
  const std::string library = FAKE_LIBRARY_NAME;
  std::string renamed = library;
  renamed.replace(renamed.find("fake"), 4, "other");
  std::filesystem::rename(folder + "/fake.weights", folder + "/other.weights");
  std::filesystem::rename(folder + "/fake.tokenizer",
                          folder + "/other.tokenizer");
  std::filesystem::rename(folder + "/" + library, folder + "/" + renamed);
  EXPECT_ANSWER(load(folder), PICOLLM_MISMATCH,
                "does not export picollm_other_model");
}

TEST_F(Load, TokenizerTruncated) {
  for (size_t kept : {0, 1, 100, 1000}) {
    const std::string folder = fakeModelFolder();
    const std::string good = readFile(folder + "/fake.tokenizer");
    ASSERT_GT(good.size(), kept);
    writeFile(folder + "/fake.tokenizer", good.data(), kept);
    EXPECT_ANSWER(load(folder), PICOLLM_DAMAGED_FILE, "fake.tokenizer: ");
  }
}

TEST_F(Load, NullPointersAreReported) {
  picollm_error error = {};
  picollm_model *model = nullptr;
  EXPECT_EQ(picollm_model_load(nullptr, nullptr, &model, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "directory: must not be null");
  EXPECT_EQ(picollm_model_load("x", nullptr, nullptr, nullptr),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_model_from_compiled(nullptr, nullptr, 0, nullptr, 0,
                                        nullptr, &model, &error),
            PICOLLM_INVALID_ARGUMENT);
  EXPECT_EQ(picollm_model_verify(nullptr, &error), PICOLLM_INVALID_ARGUMENT);
  picollm_model_free(nullptr);
}

TEST_F(Load, LongMessagesAreCutBetweenCharacters) {
  std::string folder = freshFolder() + "/";
  for (int i = 0; i < 400; ++i)
    folder += "\xc3\xa9";
  picollm_error error = {};
  picollm_model *model = nullptr;
  picollm_model_load(folder.c_str(), nullptr, &model, &error);
  const size_t length = std::strlen(error.message);
  EXPECT_GE(length, sizeof error.message - 2);
  EXPECT_EQ(error.message[length - 1], '\xa9');
}

TEST_F(Load, CompiledModelIsCheckedAsAFileIs) {
  const std::vector<CacheLine> weights = fakeWeights();
  const size_t size = weights.size() * sizeof(CacheLine);
  auto bind = [&](const picollm_compiled_model &compiled) -> Answer {
    picollm_error error = {};
    picollm_model *model = nullptr;
    const picollm_status status = picollm_model_from_compiled(
        &compiled, weights.data(), size, nullptr, 0, nullptr, &model, &error);
    picollm_model_free(model);
    return {status, error.message};
  };
  const picollm_compiled_model good = *picollm_fake_model();
  EXPECT_EQ(bind(good).status, PICOLLM_OK);
  picollm_compiled_model changed = good;
  changed.struct_bytes -= 8;
  EXPECT_ANSWER(bind(changed), PICOLLM_MISMATCH, "ABI version");
  changed = good;
  changed.build_id[15] ^= 1;
  EXPECT_ANSWER(bind(changed), PICOLLM_MISMATCH, "build ids differ");
  changed = good;
  changed.weights_bytes += 64;
  EXPECT_ANSWER(bind(changed), PICOLLM_MISMATCH, "bytes of weights");
  changed = good;
  changed.vocabulary = 0;
  EXPECT_ANSWER(bind(changed), PICOLLM_DAMAGED_FILE, "describes no model");
  changed = good;
  changed.scratch_bytes = nullptr;
  EXPECT_ANSWER(bind(changed), PICOLLM_DAMAGED_FILE, "describes no model");
  const picollm_variant noCode = {"", nullptr};
  changed = good;
  changed.variants = &noCode;
  EXPECT_ANSWER(bind(changed), PICOLLM_DAMAGED_FILE, "has no code");
}

TEST_F(Load, TokenizerLargerThanTheVocabulary) {
  const std::vector<CacheLine> weights = fakeWeights();
  const std::string tokenizer = fakeTokenizer(false);
  picollm_compiled_model compiled = *picollm_fake_model();
  compiled.vocabulary = 200;
  picollm_error error = {};
  picollm_model *model = nullptr;
  EXPECT_EQ(picollm_model_from_compiled(
                &compiled, weights.data(), weights.size() * sizeof(CacheLine),
                tokenizer.data(), tokenizer.size(), nullptr, &model, &error),
            PICOLLM_MISMATCH);
  EXPECT_NE(std::string(error.message).find("258 tokens, the model 200"),
            std::string::npos)
      << error.message;
}

TEST_F(Load, LinkedLibraryTakesItsFilesFromAFolder) {
  auto loadCompiled = [](const picollm_compiled_model *compiled,
                         const char *folder) -> Answer {
    picollm_error error = {};
    picollm_model_options options = {};
    options.verify = 1;
    picollm_model *model = nullptr;
    const picollm_status status =
        picollm_model_load_compiled(compiled, folder, &options, &model, &error);
    if (!status) {
      size_t count = 0;
      EXPECT_EQ(
          picollm_tokenize(model, "two", 3, 0, 0, nullptr, 0, &count, nullptr),
          PICOLLM_OK);
      EXPECT_EQ(count, 3u);
    }
    picollm_model_free(model);
    return {status, error.message};
  };
  const std::string folder = fakeModelFolder();
  // Another model's weights beside it do not matter.
  writeFile(folder + "/other.weights", "", 0);
  EXPECT_EQ(loadCompiled(picollm_fake_model(), folder.c_str()).status,
            PICOLLM_OK);
  EXPECT_ANSWER(loadCompiled(picollm_counting_model(), folder.c_str()),
                PICOLLM_NOT_FOUND, "counting.weights: cannot be read");
  picollm_compiled_model changed = *picollm_fake_model();
  ++changed.abi_version;
  EXPECT_ANSWER(loadCompiled(&changed, folder.c_str()), PICOLLM_MISMATCH,
                "ABI version");
  changed = *picollm_fake_model();
  changed.build_id[0] ^= 1;
  EXPECT_ANSWER(loadCompiled(&changed, folder.c_str()), PICOLLM_MISMATCH,
                "compiled model 'fake' and ");
  EXPECT_ANSWER(loadCompiled(nullptr, folder.c_str()), PICOLLM_INVALID_ARGUMENT,
                "compiled: must not be null");
  EXPECT_ANSWER(loadCompiled(picollm_fake_model(), nullptr),
                PICOLLM_INVALID_ARGUMENT, "directory: must not be null");
}
