//===- SafeTensorsWriter.h - makes safetensors files ------------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_IMPORT_SAFETENSORSWRITER_H
#define PICOLLM_TEST_UNIT_IMPORT_SAFETENSORSWRITER_H

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace picollm {

/// Collects tensors; their bytes follow each other in the order of the calls.
class SafeTensorsWriter {
public:
  void add(const std::string &name, const std::string &type,
           const std::vector<int64_t> &shape, const std::string &data) {
    declare(name, type, shape, data.size());
    content += data;
  }

  /// As `add`, for a caller that writes the tensor's bytes itself.
  void declare(const std::string &name, const std::string &type,
               const std::vector<int64_t> &shape, uint64_t size) {
    header[name] = {
        {"dtype", type}, {"shape", shape}, {"data_offsets", {end, end + size}}};
    end += size;
  }

  /// What stands before the tensors' bytes.
  std::string start() const { return withLength(header.dump()); }
  std::string bytes() const { return start() + content; }

  static std::string withLength(const std::string &header) {
    std::string length;
    for (int i = 0; i < 8; ++i)
      length += static_cast<char>(uint64_t(header.size()) >> (8 * i));
    return length + header;
  }

  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string content;

private:
  uint64_t end = 0;
};

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_IMPORT_SAFETENSORSWRITER_H
