//===- GGUFWriter.h - writes small GGUF files for tests ---------*- C++ -*-===//
//
//   GGUFWriter writer;
//   writer.set("general.architecture", "llama");
//   writer.set("llama.block_count", uint32_t(2));
//   writer.addF32("output_norm.weight", {64}, values);
//   std::string bytes = writer.bytes();
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_TEST_UNIT_IMPORT_GGUFWRITER_H
#define PICOLLM_TEST_UNIT_IMPORT_GGUFWRITER_H

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace picollm {

/// Public members may be bent by tests of broken files.
class GGUFWriter {
public:
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dimensions; ///< contiguous one first, as in the file
    uint32_t type = 0;                ///< 0: F32, 1: F16, 8: Q8_0, ...
    std::string data;
    uint64_t offsetError = 0; ///< added to the right offset
  };

  uint32_t version = 3;
  uint64_t alignment = 32;
  /// Encoded values by key, : the type, then the bytes.
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<Tensor> tensors;

  void set(const std::string &key, uint32_t value) {
    put(key, number<uint32_t>(4) + number(value));
  }
  void set(const std::string &key, int32_t value) {
    put(key, number<uint32_t>(5) + number(value));
  }
  void set(const std::string &key, float value) {
    put(key, number<uint32_t>(6) + number(value));
  }
  void set(const std::string &key, bool value) {
    put(key, number<uint32_t>(7) + std::string(1, value ? 1 : 0));
  }
  void set(const std::string &key, const std::string &value) {
    put(key, number<uint32_t>(8) + text(value));
  }
  void set(const std::string &key, const char *value) {
    set(key, std::string(value));
  }
  void set(const std::string &key, const std::vector<std::string> &values) {
    std::string bytes = number<uint32_t>(9) + number<uint32_t>(8) +
                        number<uint64_t>(values.size());
    for (const std::string &value : values)
      bytes += text(value);
    put(key, bytes);
  }
  void set(const std::string &key, const std::vector<int32_t> &values) {
    std::string bytes = number<uint32_t>(9) + number<uint32_t>(5) +
                        number<uint64_t>(values.size());
    for (int32_t value : values)
      bytes += number(value);
    put(key, bytes);
  }
  void erase(const std::string &key) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].first == key)
        return void(entries.erase(entries.begin() + i));
  }

  /// Dimensions with the contiguous one first: {columns, rows}.
  void addF32(const std::string &name, std::vector<uint64_t> dimensions,
              const std::vector<float> &values) {
    std::string data(values.size() * sizeof(float), '\0');
    std::memcpy(data.data(), values.data(), data.size());
    tensors.push_back({name, std::move(dimensions), 0, std::move(data)});
  }
  void addRaw(const std::string &name, std::vector<uint64_t> dimensions,
              uint32_t type, std::string data) {
    tensors.push_back({name, std::move(dimensions), type, std::move(data)});
  }
  /// Null if there is none.
  Tensor *find(const std::string &name) {
    for (Tensor &tensor : tensors)
      if (tensor.name == name)
        return &tensor;
    return nullptr;
  }
  void eraseTensor(const std::string &name) {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].name == name)
        return void(tensors.erase(tensors.begin() + i));
  }

  /// Everything before the tensor data, without padding.
  std::string header() const {
    std::string bytes = "GGUF" + number(version) +
                        number<uint64_t>(tensors.size()) +
                        number<uint64_t>(entries.size());
    for (const auto &[key, value] : entries)
      bytes += text(key) + value;
    uint64_t offset = 0;
    for (const Tensor &tensor : tensors) {
      bytes += text(tensor.name) + number<uint32_t>(tensor.dimensions.size());
      for (uint64_t extent : tensor.dimensions)
        bytes += number(extent);
      bytes += number(tensor.type) + number(offset + tensor.offsetError);
      offset = aligned(offset + tensor.data.size());
    }
    return bytes;
  }
  std::string bytes() const {
    std::string bytes = header();
    for (const Tensor &tensor : tensors) {
      bytes.resize(aligned(bytes.size()));
      bytes += tensor.data;
    }
    return bytes;
  }
  void write(const std::string &path) const {
    std::ofstream(path, std::ios::binary) << bytes();
  }

private:
  template <typename T> static std::string number(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(const std::string &value) {
    return number<uint64_t>(value.size()) + value;
  }
  uint64_t aligned(uint64_t offset) const {
    return (offset + alignment - 1) / alignment * alignment;
  }
  void put(const std::string &key, std::string value) {
    for (auto &entry : entries)
      if (entry.first == key)
        return void(entry.second = std::move(value));
    entries.emplace_back(key, std::move(value));
  }
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_IMPORT_GGUFWRITER_H
