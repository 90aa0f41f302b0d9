#include "FakeFiles.h"

#include "gtest/gtest.h"
#include <filesystem>
#include <fstream>

namespace picollm::test {

void writeFile(const std::string &path, const void *data, size_t size) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(static_cast<const char *>(data), std::streamsize(size));
  ASSERT_TRUE(file.good()) << path;
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string freshFolder() {
  const auto *info = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(PICOLLM_BUILD_DIR) / "test-folders" /
      (std::string(info->test_suite_name()) + "-" + info->name());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

std::string fakeModelFolder(const std::string &kind, const ChatFormat &chat) {
  const std::string folder = freshFolder();
  const std::vector<CacheLine> weights = fakeWeights();
  writeFile(folder + "/fake.weights", weights.data(),
            weights.size() * sizeof(CacheLine));
  const std::string tokenizer = fakeTokenizer(true, chat);
  writeFile(folder + "/fake.tokenizer", tokenizer.data(), tokenizer.size());
  const std::string library =
      readFile(FAKE_MODELS_DIR "/" + kind + "/" FAKE_LIBRARY_NAME);
  writeFile(folder + "/" FAKE_LIBRARY_NAME, library.data(), library.size());
  return folder;
}

} // namespace picollm::test
