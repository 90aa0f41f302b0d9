//===- HuggingFaceFolder.h - model folders to break -------------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_IMPORT_HUGGINGFACEFOLDER_H
#define PICOLLM_TEST_UNIT_IMPORT_HUGGINGFACEFOLDER_H

#include "llvm/Support/FileSystem.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>

namespace picollm {

/// The file of a folder in test/Fixtures/Llama.
inline std::string readFixtureText(const std::string &name) {
  std::ifstream stream(PICOLLM_TEST_DIR "/Fixtures/Llama/" + name,
                       std::ios::binary);
  EXPECT_TRUE(bool(stream)) << name;
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline nlohmann::json readFixtureJson(const std::string &name) {
  return nlohmann::json::parse(readFixtureText(name));
}

/// A copy of a fixture in a temporary folder, which goes with it.
class HuggingFaceFolder {
public:
  explicit HuggingFaceFolder(const std::string &fixture) {
    llvm::SmallString<128> name;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("model", name));
    path = name.str().str();
    std::filesystem::copy(PICOLLM_TEST_DIR "/Fixtures/Llama/" + fixture, path);
  }
  ~HuggingFaceFolder() { std::filesystem::remove_all(path); }
  HuggingFaceFolder(const HuggingFaceFolder &) = delete;
  HuggingFaceFolder &operator=(const HuggingFaceFolder &) = delete;

  std::string read(const std::string &file) const {
    std::ifstream stream(path + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  nlohmann::json readJson(const std::string &file) const {
    return nlohmann::json::parse(read(file));
  }
  void write(const std::string &file, const std::string &bytes) const {
    std::ofstream(path + "/" + file, std::ios::binary) << bytes;
  }
  void remove(const std::string &file) const {
    EXPECT_TRUE(std::filesystem::remove(path + "/" + file));
  }
  /// Sets a member of a JSON file.
  void set(const std::string &file, const std::string &key,
           const nlohmann::json &value) const {
    nlohmann::json json = readJson(file);
    json[key] = value;
    write(file, json.dump());
  }

  std::string path;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_IMPORT_HUGGINGFACEFOLDER_H
